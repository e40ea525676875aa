import { requireCount, roomyContext } from '@ss/cli/against';
import type { Manner, ModelRequest, ModelRunner } from '@ss/cli/against';
import { textOf } from '../gguf/text.ts';

/* What is used of wllama, which the repository type-checks without. */

interface Completion {
  readonly choices: readonly {
    readonly logprobs?: {
      readonly content: readonly {
        readonly top_logprobs: readonly { readonly id: number; readonly logprob: number }[];
      }[];
    } | null;
  }[];
  readonly timings: {
    readonly prompt_n: number;
    readonly prompt_ms: number;
    readonly predicted_n: number;
    readonly predicted_ms: number;
  };
}

interface Wllama {
  loadModel(blobs: readonly Blob[], options: Readonly<Record<string, unknown>>): Promise<void>;
  createCompletion(options: Readonly<Record<string, unknown>>): Promise<Completion>;
  getNumThreads(): number;
}

type WllamaClass = new (
  paths: Readonly<Record<string, string>>,
  options: Readonly<Record<string, unknown>>,
) => Wllama;

/** Where the page's server has the package. */
const place = '/wllama/esm/index.js';

/** llama.cpp's server compiled to WebAssembly, in a page. Its times are its own. */
export class WllamaModel implements ModelRunner {
  readonly what: string;
  readonly manner: Manner;
  readonly weightBytes: number;
  readonly #wllama: Wllama;
  readonly #vocabulary: number;

  private constructor(
    wllama: Wllama,
    { config, weights }: ModelRequest,
    { weightBytes, settings }: { readonly weightBytes: number; readonly settings: string },
  ) {
    this.#wllama = wllama;
    this.#vocabulary = config.vocabulary;
    this.what = `wllama in Chromium, ${weights}`;
    this.manner = { threads: Math.max(1, wllama.getNumThreads()), simd: 'simd128', settings };
    this.weightBytes = weightBytes;
  }

  static async open(request: ModelRequest, weightBytes: number): Promise<WllamaModel> {
    const { Wllama } = (await import(place)) as { readonly Wllama: WllamaClass };
    const wllama = new Wllama(
      { default: '/wllama/esm/wasm/wllama.wasm' },
      { suppressNativeLog: true, preferWebGPU: false },
    );
    const file = await (await fetch('/model.gguf')).blob();
    const size = { n_ctx: roomyContext(request.contextLength), n_batch: 512, n_parallel: 1 };
    await wllama.loadModel([file], { ...size, n_threads: request.threads, n_gpu_layers: 0 });
    const settings = `context ${size.n_ctx}, batch ${size.n_batch}`;
    return new WllamaModel(wllama, request, { weightBytes, settings });
  }

  async logProbs(tokens: readonly number[]): Promise<Float32Array> {
    const { choices } = await this.#complete(tokens, 1, { logprobs: this.#vocabulary });
    const all = choices[0]!.logprobs!.content[0]!.top_logprobs;
    const values = new Float32Array(this.#vocabulary).fill(Number.NaN);
    for (const { id, logprob } of all) values[id] = logprob;
    return values;
  }

  async prefill(tokens: readonly number[]): Promise<number> {
    const { timings } = await this.#complete(tokens, 1);
    requireCount('wllama', timings.prompt_n, tokens.length);
    return timings.prompt_ms;
  }

  async decode(tokens: readonly number[], steps: number): Promise<number> {
    const { timings } = await this.#complete(tokens, steps + 1);
    requireCount('wllama', timings.predicted_n, steps + 1);
    return timings.predicted_ms;
  }

  async #complete(
    tokens: readonly number[],
    count: number,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<Completion> {
    const prompt = textOf(tokens);
    if (prompt === undefined)
      throw new RangeError('wllama takes text: every token must be a visible character.');
    const sampling = { temperature: 0, samplers: ['temperature'], cache_prompt: false, ignore_eos: true };
    return await this.#wllama.createCompletion({ prompt, max_tokens: count, ...sampling, ...more });
  }
}
