import { checkOptions, throwIfAborted } from '@ss/core';
import type { OptionNames } from '@ss/core';
import type { WeightDType } from '@ss/mamba-block';
import { Weights } from './build-model.ts';
import type { CheckpointTensor } from './checkpoint/checkpoint.ts';
import { disagreements, eosIdsOf, flatConfig } from './checkpoint/config.ts';
import { requireMamba1 } from './checkpoint/family.ts';
import { Fingerprint } from './checkpoint/fingerprint.ts';
import { inspect } from './checkpoint/inspect.ts';
import type { Assignment, Inspection } from './checkpoint/inspect.ts';
import { readJson } from './checkpoint/json.ts';
import type { JsonObject } from './checkpoint/json.ts';
import { byMeaning } from './checkpoint/names.ts';
import { openCheckpoint } from './checkpoint/open-checkpoint.ts';
import { readTensor } from './checkpoint/read-tensor.ts';
import { sameBytes } from './checkpoint/same-bytes.ts';
import { chooseEngine } from './choose-engine.ts';
import type { EngineChoice } from './choose-engine.ts';
import type { ModelConfig } from './model-config.ts';
import { MambaModel } from './model.ts';
import type { LoadProgress } from './progress.ts';
import { hubOptionNames } from './source/hub/hub-options.ts';
import type { DownloadProgress } from './source/hub/hub-options.ts';
import { openSource } from './source/open-source.ts';
import type { ModelSource, SourceOptions } from './source/open-source.ts';
import type { Source } from './source/source.ts';
import { addedTokenId, tokenText } from './tokenizer/added-tokens.ts';
import { readTokenizer } from './tokenizer/tokenizer.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';
import type { ModelWarning } from './warning.ts';

export interface LoadModelOptions extends EngineChoice, SourceOptions {
  /** Projections and embedding: as stored (default), or cast. State and activations are f32 in any case. */
  readonly weights?: WeightDType | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What it throws stops the loading. */
  readonly onProgress?: ((event: LoadProgress) => void) | undefined;
}

const optionNames: OptionNames<LoadModelOptions> = {
  backend: 'device provider',
  registry: true,
  engine: true,
  hub: 'revision token hf_token cache_dir offline local_files_only',
  cache: true,
  weights: 'dtype torch_dtype quantization precision',
  signal: 'abort_signal',
  onProgress: 'progress_callback',
};

/** A checkpoint understood, before a backend is chosen or a weight is read. */
interface Description extends Pick<Inspection, 'assignments'> {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer | undefined;
  readonly warnings: readonly ModelWarning[];
}

/**
 * Loads a Mamba-1 or Falcon-Mamba language model: `model.safetensors` (or shards with an index, or `pytorch_model.bin`), and if
 * they are there `config.json`, `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`.
 * Weights go to the backend tensor by tensor. When anything fails, all that was made is freed.
 * @throws SsError of {@link mambaErrors}; `backend-unavailable`, `out-of-memory`, `aborted`
 */
export async function loadModel(source: ModelSource, options: LoadModelOptions = {}): Promise<MambaModel> {
  checkOptions('loadModel()', options, optionNames);
  checkOptions('hub of loadModel()', options.hub, hubOptionNames);
  const { signal, onProgress: tell = () => undefined } = options;
  const started = performance.now();
  throwIfAborted(signal, 'loading a model');
  const { hub, cache } = options;
  const onDownload = (progress: DownloadProgress): void => tell({ phase: 'download', ...progress });
  const odd: ModelWarning[] = [];
  const onWarning = (warning: ModelWarning): void => void odd.push(warning);
  await using opened = await openSource(source, { hub, cache, signal, onDownload, onWarning });
  tell({ phase: 'source', source: opened.label });
  const description = await describe(opened, signal);
  const warnings = [...odd, ...description.warnings];
  for (const warning of warnings) tell({ phase: 'warning', warning });
  throwIfAborted(signal, 'loading a model');
  const { engine, owned } = await chooseEngine(options, signal);
  const weights = new Weights(engine, options.weights ?? 'stored');
  const release = async (): Promise<void> => {
    weights.dispose();
    if (owned) await engine.dispose();
  };
  try {
    tell({ phase: 'backend', backend: engine.id, decision: engine.decision });
    const fingerprint = await readWeights(description.assignments, weights, tell, signal);
    await engine.sync();
    tell({ phase: 'ready', milliseconds: performance.now() - started });
    throwIfAborted(signal, 'loading a model');
    const { config, tokenizer } = description;
    return new MambaModel(
      { engine, config, fingerprint, tokenizer, warnings, ...weights.parts(config) },
      release,
    );
  } catch (error) {
    await release();
    throw error;
  }
}

async function describe(source: Source, signal: AbortSignal | undefined): Promise<Description> {
  const config = await readJson(source, 'config.json', 'config-invalid', signal);
  const generation = await readJson(source, 'generation_config.json', 'config-invalid', signal);
  const tensors = byMeaning(await openCheckpoint(source, signal));
  const flat = flatConfig(config ?? {});
  requireMamba1(tensors.keys(), flat);
  const { block, layers, rows, assignments } = inspect(tensors, flat);
  const tokenizer = await readTokenizer(source, signal);
  const tied = await isTied(tensors, signal);
  const eosIds =
    eosIdsOf(generation, config) ?? tokenizer?.eosIds ?? (await eosWithoutTokenizer(source, signal));
  const vocabulary = vocabularyOf(rows, flat, tokenizer, eosIds);
  const complete: ModelConfig = { ...block, layers, rows, vocabulary, tied, eosIds };
  return {
    config: complete,
    tokenizer,
    warnings: [
      ...(config ? disagreements(flat, complete) : [configMissing()]),
      ...tokenizerWarnings(tokenizer, rows),
    ],
    assignments: tied ? assignments.filter(({ spec }) => spec.key !== 'head') : assignments,
  };
}

/** Exporters of tied models sometimes write the head as well; a copy of the embedding is not kept twice. */
async function isTied(
  tensors: ReadonlyMap<string, CheckpointTensor>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const head = tensors.get('lm_head.weight');
  return head === undefined || sameBytes(head, tensors.get('embedding.weight')!, signal);
}

/** What ends a text may be known where the rest of the tokenizer is not. */
async function eosWithoutTokenizer(source: Source, signal: AbortSignal | undefined): Promise<number[]> {
  const config = (await readJson(source, 'tokenizer_config.json', 'tokenizer-invalid', signal)) ?? {};
  const id = addedTokenId(config, tokenText(config['eos_token']));
  return id === undefined ? [] : [id];
}

/** Rows after the last id that means something are padding. */
function vocabularyOf(
  rows: number,
  config: JsonObject,
  tokenizer: Tokenizer | undefined,
  eosIds: readonly number[],
): number {
  const claimed = config['vocab_size'];
  const known =
    tokenizer?.vocabulary ??
    (Number.isSafeInteger(claimed) && (claimed as number) > 0 ? (claimed as number) : rows);
  // An end that nothing else knows of has to be drawn, too.
  return Math.min(
    eosIds.reduce((max, id) => Math.max(max, id + 1), known),
    rows,
  );
}

/** Reads every tensor and places it. @returns the fingerprint */
async function readWeights(
  assignments: readonly Assignment[],
  weights: Weights,
  tell: (event: LoadProgress) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const fingerprint = new Fingerprint();
  const total = assignments.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
  let bytes = 0;
  for (const { tensor, spec, layer } of assignments) {
    throwIfAborted(signal, 'loading a model');
    const name = layer === undefined ? spec.name : `layers.${layer}.${spec.name}`;
    const seen = fingerprint.begin(name, tensor);
    const value = await readTensor(tensor, (piece) => seen.add(piece), signal);
    seen.end();
    throwIfAborted(signal, 'loading a model');
    weights.place(layer, spec, value);
    bytes += tensor.byteLength;
    tell({ phase: 'weights', tensor: tensor.name, bytes, total });
  }
  return fingerprint.hex;
}

function configMissing(): ModelWarning {
  return {
    code: 'config-missing',
    message:
      'There is no config.json; sizes are those of the tensors, the epsilon of the norms is 1e-5, and dt, B and C have none.',
    details: {},
  };
}

function tokenizerWarnings(tokenizer: Tokenizer | undefined, rows: number): ModelWarning[] {
  if (tokenizer === undefined) {
    return [
      {
        code: 'tokenizer-missing',
        message: 'There is no tokenizer.json; the model takes and gives ids.',
        details: {},
      },
    ];
  }
  if (tokenizer.vocabulary <= rows) return [];
  return [
    {
      code: 'tokenizer-larger',
      message: `The tokenizer has ${tokenizer.vocabulary} ids, the embedding ${rows} rows; text that needs the others is refused.`,
      details: { tokenizer: tokenizer.vocabulary, rows },
    },
  ];
}
