import { failure } from '../errors.ts';
import type { Source, SourceFile } from '../source/source.ts';
import type { Checkpoint, CheckpointTensor } from './checkpoint.ts';
import { isObject, readJson } from './json.ts';
import type { JsonObject } from './json.ts';
import { safetensorsIn } from './safetensors.ts';
import { torchTensorsIn } from './torch.ts';

/** A way to store weights: in one file, or in several with an index that says what is where. */
interface Format {
  readonly file: string;
  readonly extension: string;
  tensors(file: SourceFile, signal: AbortSignal | undefined): Promise<readonly CheckpointTensor[]>;
}

const formats: readonly Format[] = [
  { file: 'model.safetensors', extension: '.safetensors', tensors: safetensorsIn },
  { file: 'pytorch_model.bin', extension: '.bin', tensors: torchTensorsIn },
];

/** The largest checkpoints have some hundred. */
const maxFiles = 10_000;

/**
 * Finds the weights of a source and reads their headers, in one file or sharded.
 * @throws SsError `checkpoint-missing`, `checkpoint-invalid`, `checkpoint-truncated`, `checkpoint-pickle`
 */
export async function openCheckpoint(source: Source, signal?: AbortSignal): Promise<Checkpoint> {
  for (const format of formats) {
    const single = await source.open(format.file, signal);
    if (single) return collect(await format.tensors(single, signal));
    const index = await readJson(source, `${format.file}.index.json`, 'checkpoint-invalid', signal);
    if (index) return collect(await shards(source, format, index['weight_map'], signal));
  }
  return collect(await onlyFile(source, signal));
}

/** Weights under a name of their own, when there is just one such file to mean. */
async function onlyFile(
  source: Source,
  signal: AbortSignal | undefined,
): Promise<readonly CheckpointTensor[]> {
  const names = (await source.list()) ?? [];
  for (const format of formats) {
    const [name, ...others] = names.filter((name) => name.endsWith(format.extension));
    if (name !== undefined && others.length === 0)
      return format.tensors((await source.open(name, signal))!, signal);
  }
  const wanted = formats.map(({ file }) => file).join(' or ');
  const remark = source.remark?.();
  throw failure('checkpoint-missing', `${source.label} has no ${wanted}.${remark ? ` ${remark}` : ''}`, {
    hint: 'Download the files of the model, weights included, into one folder.',
    details: { source: source.label, ...(names.length > 0 && { found: names }) },
  });
}

async function shards(
  source: Source,
  format: Format,
  map: unknown,
  signal: AbortSignal | undefined,
): Promise<CheckpointTensor[]> {
  const index = `${format.file}.index.json`;
  if (!isObject(map) || Object.keys(map).length === 0)
    throw failure('checkpoint-invalid', `${index} has no weight_map.`);
  const tensors: CheckpointTensor[] = [];
  for (const [name, wanted] of byFile(index, map)) {
    const file = await source.open(name, signal);
    if (file === undefined)
      throw failure('checkpoint-missing', `${source.label} has no ${name}, which ${index} names.`, {
        details: { file: name },
      });
    const found = await format.tensors(file, signal);
    const here = new Set(found.map((tensor) => tensor.name));
    const absent = wanted.find((tensor) => !here.has(tensor));
    if (absent !== undefined)
      throw failure(
        'checkpoint-invalid',
        `${index} says that ${absent} is in ${name}, which does not have it.`,
      );
    for (const tensor of found) tensors.push(tensor);
  }
  return tensors;
}

/** Files of an index, and the tensors that it says are in each. */
function byFile(index: string, map: JsonObject): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, string[]>();
  for (const [tensor, name] of Object.entries(map)) {
    if (typeof name !== 'string' || !/^[^/\\]+$/.test(name) || name.startsWith('..')) {
      throw failure(
        'checkpoint-invalid',
        `${index} names ${JSON.stringify(name)}, which is no file of the same folder.`,
      );
    }
    const inside = files.get(name);
    if (inside) inside.push(tensor);
    else files.set(name, [tensor]);
  }
  if (files.size > maxFiles)
    throw failure('checkpoint-invalid', `${index} names ${files.size} files, of which ${maxFiles} are read.`);
  return files;
}

function collect(tensors: readonly CheckpointTensor[]): Checkpoint {
  const checkpoint = new Map<string, CheckpointTensor>();
  for (const tensor of tensors) {
    if (checkpoint.has(tensor.name))
      throw failure('checkpoint-invalid', `${tensor.name} is in two files of the checkpoint.`);
    checkpoint.set(tensor.name, tensor);
  }
  return checkpoint;
}
