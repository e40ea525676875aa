import { checkOptions, printsItself, showValue, SsError, tensor } from '@ss/core';
import type { Computed, Decision, DType, Engine, FloatTensor, OptionNames, Tensor } from '@ss/core';
import { writeState } from '@ss/mamba-block';
import type { Layer, LayerState } from '@ss/mamba-block';
import { failure } from './errors.ts';
import { Batch } from './generate/batch.ts';
import { BatchGeneration } from './generate/batch-generation.ts';
import type { BatchOptions } from './generate/batch-generation.ts';
import { Generation } from './generate/generation.ts';
import { checkBatchOptions, checkGenerateOptions, withDefaults } from './generate/options.ts';
import type { GenerateOptions } from './generate/options.ts';
import type { ModelConfig } from './model-config.ts';
import { forwardLayers } from './network.ts';
import type { Network, Prompt } from './network.ts';
import { readSession } from './session/session-file.ts';
import { checkAdvanceOptions, Session } from './session/session.ts';
import type { AdvanceOptions } from './session/session.ts';
import type { EncodeOptions, Tokenizer } from './tokenizer/tokenizer.ts';
import type { ModelWarning } from './warning.ts';

/** What a model is made of. */
export interface ModelParts {
  readonly engine: Engine;
  readonly config: ModelConfig;
  /** (rows, K) from `engine.pack()` */
  readonly embedding: Tensor;
  /** (K) f32, of the norm after the last layer */
  readonly normWeight: Tensor;
  /** (rows, K) from `engine.pack()`; the embedding when absent */
  readonly headWeight?: Tensor | undefined;
  readonly layers: readonly Layer[];
  /** Tells states of this model from those of others. */
  readonly fingerprint: string;
  readonly tokenizer?: Tokenizer | undefined;
  readonly warnings?: readonly ModelWarning[] | undefined;
}

const partNames: OptionNames<ModelParts> = {
  engine: true,
  config: true,
  embedding: true,
  normWeight: true,
  headWeight: true,
  layers: true,
  fingerprint: true,
  tokenizer: true,
  warnings: true,
};

/** A language model: embedding, layers, norm, head, and a tokenizer if it has one. */
export class MambaModel implements Network, AsyncDisposable {
  readonly parts: ModelParts;
  readonly #release: () => void | Promise<void>;
  /** Sessions and batches: what lives on this model's weights. */
  readonly #live = new Set<Disposable>();
  #disposed = false;

  static {
    printsItself(this, 'MambaModel');
  }

  /** @param release frees the parts; without it they stay their maker's */
  constructor(parts: ModelParts, release: () => void | Promise<void> = () => undefined) {
    checkOptions('A model', parts, partNames);
    this.parts = parts;
    this.#release = release;
  }

  get engine(): Engine {
    return this.parts.engine;
  }

  /** How the backend was chosen; prints as a table, `summary` is one line. */
  get decision(): Decision | undefined {
    return this.engine.decision;
  }

  get config(): ModelConfig {
    return this.parts.config;
  }

  get layers(): readonly Layer[] {
    return this.parts.layers;
  }

  get tokenizer(): Tokenizer | undefined {
    return this.parts.tokenizer;
  }

  get warnings(): readonly ModelWarning[] {
    return this.parts.warnings ?? [];
  }

  get fingerprint(): string {
    return this.parts.fingerprint;
  }

  /**
   * Draws a continuation of a text, or of ids. Nothing runs before the first piece is asked for; leaving the
   * loop stops the work.
   * @throws SsError `generate-option`, `prompt-empty`, `token-invalid`, `tokenizer-missing` at the call; from
   * the loop `aborted`, `session-busy`, `execution-failed`, `numerics-invalid`
   */
  generate(prompt: Prompt, options: GenerateOptions = {}): Generation {
    checkGenerateOptions(options);
    const { state, signal } = options;
    const continues = (session: Session | undefined): boolean => (session?.tokens.length ?? 0) > 0;
    const continued = continues(state);
    const tokens = this.encode(prompt, { continued });
    const sampling = withDefaults(options, this.config.eosIds);
    if (sampling.stop.length > 0) this.#requireTokenizer('stop strings are');
    state?.requireFrom(this);
    if (tokens.length === 0 && !continued) {
      throw failure('prompt-empty', 'There is no token to continue from.', {
        hint: 'Start with a prompt of at least one token.',
      });
    }
    return new Generation({
      network: this,
      tokenizer: this.tokenizer,
      // Something else may have come into the session before the first piece is asked for.
      prompt: () =>
        continues(state) === continued ? tokens : this.encode(prompt, { continued: !continued }),
      sampling,
      signal,
      session: state,
      open: () => this.session(),
    });
  }

  /**
   * Draws a continuation of each of these texts at once: their prompts run packed into one row, then one step
   * advances them all. Prompt i gives the pieces that {@link generate} gives it with seed `seed + i`.
   * @throws as {@link generate}
   */
  generateBatch(prompts: readonly Prompt[], options: BatchOptions = {}): BatchGeneration {
    checkBatchOptions(options);
    if (!Array.isArray(prompts)) {
      throw new SsError(
        'argument-invalid',
        `generateBatch() takes a list of prompts, not ${showValue(prompts)}.`,
        {
          hint: 'generate() takes one.',
        },
      );
    }
    const tokens = prompts.map((prompt: Prompt) => this.encode(prompt));
    const sampling = withDefaults(options, this.config.eosIds, prompts.length);
    if (sampling.stop.length > 0) this.#requireTokenizer('stop strings are');
    const empty = tokens.findIndex(({ length }) => length === 0);
    if (empty >= 0 || tokens.length === 0) {
      throw failure('prompt-empty', empty >= 0 ? `Prompt ${empty} has no token.` : 'There is no prompt.', {
        hint: 'Every text starts with a prompt of at least one token.',
      });
    }
    return new BatchGeneration({
      network: this,
      tokenizer: this.tokenizer,
      prompts: tokens,
      sampling,
      signal: options.signal,
      open: () => new Batch(this, this.createStates(tokens.length), this.#live),
    });
  }

  /** Logits (rows) of what follows a text, or ids. @throws as {@link generate} */
  async logits(prompt: Prompt, options: AdvanceOptions = {}): Promise<Float32Array> {
    checkAdvanceOptions('logits()', options);
    const tokens = this.encode(prompt);
    using session = this.session();
    session.append(tokens);
    return await session.logits(options);
  }

  /** A text that has not begun. Freed with the model at the latest. */
  session(): Session {
    return new Session(this, this.createStates(), this.#live);
  }

  /** A session from what `session.save()` wrote. @throws SsError `state-invalid`, `state-mismatch` */
  async restore(bytes: Uint8Array): Promise<Session> {
    const session = this.session();
    try {
      const { tokens, absorbed, layers } = await readSession(
        bytes,
        this.fingerprint,
        session.states,
        this.config.vocabulary,
      );
      session.states.forEach((state, i) => writeState(this.engine, state, layers[i]!));
      session.resume(tokens, absorbed);
      return session;
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  /** New states for every layer, for `forward` and for loops of your own. */
  createStates(batch = 1): LayerState[] {
    return this.layers.map((layer) => layer.createState(batch));
  }

  /** ids (...) i32, or a plain array of them (L), to (..., K) f32 */
  embed(ids: Tensor | readonly number[]): FloatTensor {
    return this.engine.embedding({ ids: this.#ids(ids), weight: this.parts.embedding });
  }

  /** The norm after the last layer, (..., K). */
  norm<X extends DType>(x: Tensor<X>): Computed<X> {
    return this.engine.rmsNorm({ x, weight: this.parts.normWeight, eps: this.config.normEps }).y;
  }

  /** (..., K) to logits (..., rows); those from `config.vocabulary` on are padding. */
  head<X extends DType>(x: Tensor<X>): Computed<X> {
    return this.engine.linear({ x, weight: this.parts.headWeight ?? this.parts.embedding });
  }

  /** ids (B, L) i32, or a plain array of one row, to logits (B, L, rows). States are read, and left as they are after the last step. */
  forward(ids: Tensor | readonly number[], states?: readonly LayerState[]): Tensor<'f32'> {
    return this.engine.scope(() => {
      // Activations of every family are f32.
      const x = forwardLayers(this.layers, this.embed(this.#row(ids)), { states }) as Tensor<'f32'>;
      return this.head(this.norm(x));
    });
  }

  /**
   * The residual stream (B, L, K) after each of these layers, before the last norm; a negative index counts from
   * the end. `head(norm(x))` of what -1 gives are the logits. States as in {@link forward}.
   * @throws SsError `argument-invalid` for a layer that there is not
   */
  hidden(
    ids: Tensor | readonly number[],
    after: readonly number[],
    states?: readonly LayerState[],
  ): Tensor<'f32'>[] {
    const { length } = this.layers;
    const wanted = after.map((index) => {
      const layer = index < 0 ? index + length : index;
      if (Number.isInteger(layer) && layer >= 0 && layer < length) return layer;
      throw new SsError('argument-invalid', `There is no layer ${index} among ${length}.`, {
        details: { layer: index, layers: length },
      });
    });
    // Layers that nothing is asked of run only for their states.
    const layers = states ? this.layers : this.layers.slice(0, Math.max(...wanted, -1) + 1);
    return this.engine.scope(() => {
      const outputs: FloatTensor[] = [];
      const after = (x: FloatTensor, layer: number): void => {
        if (wanted.includes(layer)) outputs[layer] = x.alias();
      };
      forwardLayers(layers, this.embed(this.#row(ids)), { states, after });
      return wanted.map((layer) => outputs[layer]!.alias() as Tensor<'f32'>);
    });
  }

  /** The same model with other parts, such as fewer layers. The parts stay with whom they belonged to. */
  with(parts: Partial<Omit<ModelParts, 'engine'>>): MambaModel {
    checkOptions('with()', parts, partNames);
    const layers = parts.layers ?? this.layers;
    const order = layers.map((layer) => this.layers.indexOf(layer));
    const unchanged = order.length === this.layers.length && order.every((at, i) => at === i);
    const fingerprint = unchanged ? this.fingerprint : `${this.fingerprint}[${order.join()}]`;
    return new MambaModel({
      ...this.parts,
      fingerprint,
      ...parts,
      config: { ...this.config, ...parts.config, layers: layers.length },
    });
  }

  /** @throws SsError `tokenizer-missing`, `token-invalid` */
  encode(prompt: Prompt, options?: EncodeOptions): readonly number[] {
    const ids =
      typeof prompt === 'string' ? this.#requireTokenizer('text is').encode(prompt, options) : listed(prompt);
    const { vocabulary } = this.config;
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (wrong === undefined) return ids;
    const hint = typeof wrong === 'string' ? 'generateBatch() takes several texts.' : undefined;
    throw failure('token-invalid', `The id ${showValue(wrong)} is outside the vocabulary of ${vocabulary}.`, {
      ...(hint !== undefined && { hint }),
      details: { id: wrong, vocabulary },
    });
  }

  /** Frees every session and batch, then the weights and the engine if `loadModel` made them. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const one of this.#live) one[Symbol.dispose]();
    await this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** `24 layers of width 768, vocabulary 50280, on cpu` */
  toString(): string {
    const { layers, dModel, vocabulary } = this.config;
    const state = this.#disposed ? ', disposed' : '';
    return `${layers} layers of width ${dModel}, vocabulary ${vocabulary}, on ${this.engine.id}${state}`;
  }

  #ids(ids: Tensor | readonly number[]): Tensor {
    return isList(ids) ? tensor(Int32Array.from(this.encode(ids))) : ids;
  }

  /** (B, L) */
  #row(ids: Tensor | readonly number[]): Tensor {
    return isList(ids) ? tensor(Int32Array.from(this.encode(ids)), [1, ids.length]) : ids;
  }

  #requireTokenizer(what: string): Tokenizer {
    if (this.tokenizer) return this.tokenizer;
    throw failure('tokenizer-missing', `The model has no tokenizer, and ${what} given.`, {
      hint: 'Pass ids, or add tokenizer.json to the files of the model.',
    });
  }
}

function isList(ids: Tensor | readonly number[]): ids is readonly number[] {
  return Array.isArray(ids) || ArrayBuffer.isView(ids);
}

/** Ids in an array: typed arrays of them do as well. */
function listed(prompt: unknown): readonly number[] {
  if (Array.isArray(prompt)) return prompt as number[];
  if (ArrayBuffer.isView(prompt) && !(prompt instanceof DataView)) {
    return Array.from(prompt as unknown as ArrayLike<number | bigint>, Number);
  }
  throw new SsError('argument-invalid', `A prompt is text or an array of ids, not ${showValue(prompt)}.`);
}
