import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logSoftmax, missingPeer, requireCount, roomyContext } from '@ss/cli/against';
import type { Manner, ModelPeer, ModelRequest } from '@ss/cli/against';
import { writeMambaGguf } from '../gguf/mamba.ts';
import { installedVersion, isInstalled } from '../installed.ts';
import type { Llama, LlamaContext, LlamaSequence, NodeLlamaCpp } from './node-llama-cpp.ts';

/** llama.cpp runs a prompt in batches of at most so many tokens, its default. */
const batchSize = 512;

/**
 * llama.cpp through node-llama-cpp's prebuilt library, on the CPU, on the same weights as GGUF.
 * @param contextSize its positions; see `roomyContext` for why not just as many as are needed
 */
export async function openLlama(
  request: ModelRequest,
  contextSize: number = roomyContext(request.contextLength),
): Promise<ModelPeer> {
  const { config, seed, weights, threads } = request;
  const api = await load();
  const folder = mkdtempSync(join(tmpdir(), 'ss-llama-'));
  try {
    const modelPath = join(folder, 'model.gguf');
    const weightBytes = writeMambaGguf(modelPath, config, seed, weights);
    const logLevel = api.LlamaLogLevel.error;
    const llama = await api.getLlama({ gpu: false, build: 'never', logLevel, maxThreads: threads });
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize, batchSize, threads, sequences: 1 });
    return new LlamaModel(folder, llama, context, { weights, weightBytes });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

/** By a name that TypeScript does not look up. */
async function load(): Promise<NodeLlamaCpp> {
  const name: string = 'node-llama-cpp';
  if (!isInstalled(name)) throw missingPeer('llama.cpp', `${name} is not installed in tools/peers`);
  return (await import(name)) as NodeLlamaCpp;
}

class LlamaModel implements ModelPeer {
  readonly what: string;
  readonly version: string;
  readonly manner: Manner;
  readonly weightBytes: number;
  readonly #folder: string;
  readonly #llama: Llama;
  readonly #sequence: LlamaSequence;

  constructor(
    folder: string,
    llama: Llama,
    context: LlamaContext,
    { weights, weightBytes }: { readonly weights: string; readonly weightBytes: number },
  ) {
    this.#folder = folder;
    this.#llama = llama;
    this.#sequence = context.getSequence();
    this.what = `llama.cpp, ${weights}`;
    this.version = `node-llama-cpp ${installedVersion('node-llama-cpp')}`;
    this.manner = {
      threads: context.idealThreads,
      simd: bestOf(llama.systemInfo),
      settings: `${this.version}, context ${context.contextSize}, batch ${batchSize}`,
    };
    this.weightBytes = weightBytes;
  }

  async logProbs(tokens: readonly number[]): Promise<Float32Array> {
    await this.#sequence.clearHistory();
    const asked = { generateNext: { logits: true, token: true } } as const;
    const outputs = await this.#sequence.controlledEvaluate([
      ...tokens.slice(0, -1),
      [tokens.at(-1)!, asked],
    ]);
    const logits = outputs.at(-1)!.next.logits!;
    return logSoftmax(Float32Array.from({ length: logits.size }, (_, id) => logits.get(id)!));
  }

  async prefill(tokens: readonly number[]): Promise<number> {
    await this.#sequence.clearHistory();
    const before = this.#evaluated();
    const started = performance.now();
    await this.#sequence.evaluateWithoutGeneratingNewTokens([...tokens]);
    const milliseconds = performance.now() - started;
    requireCount(this.what, this.#evaluated() - before, tokens.length);
    return milliseconds;
  }

  async decode(tokens: readonly number[], steps: number): Promise<number> {
    await this.#sequence.clearHistory();
    const before = this.#evaluated();
    let drawn = 0;
    let first = 0;
    for await (const _ of this.#sequence.evaluate([...tokens], { temperature: 0, yieldEogToken: true })) {
      if (drawn++ === 0) first = performance.now();
      if (drawn > steps) break;
    }
    const milliseconds = performance.now() - first;
    // The last token drawn is not evaluated any more.
    requireCount(this.what, this.#evaluated() - before, tokens.length + steps);
    return milliseconds;
  }

  #evaluated(): number {
    const { usedInputTokens, usedOutputTokens } = this.#sequence.tokenMeter;
    return usedInputTokens + usedOutputTokens;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#llama.dispose();
    rmSync(this.#folder, { recursive: true });
  }
}

/** The widest instruction set among `AVX512 = 1 | AVX2 = 1 | ...` */
function bestOf(systemInfo: string): string {
  const sets = ['AVX512_BF16', 'AVX512', 'AVX2', 'AVX', 'SVE', 'NEON', 'SSE3'];
  return sets.find((set) => systemInfo.includes(`${set} = 1`)) ?? 'none';
}
