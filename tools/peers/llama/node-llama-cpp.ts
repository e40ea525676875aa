/*
 * What is used of node-llama-cpp. Its own types are not imported: the repository must type-check where the peer is
 * not installed.
 */

export interface NodeLlamaCpp {
  readonly LlamaLogLevel: { readonly error: unknown };
  getLlama(options: {
    readonly gpu: false;
    readonly build: 'never';
    readonly logLevel: unknown;
    readonly maxThreads: number;
  }): Promise<Llama>;
}

export interface Llama {
  /** `AVX2 = 1 | AVX512 = 0 | ...` */
  readonly systemInfo: string;
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModelFile>;
  dispose(): Promise<void>;
}

export interface LlamaModelFile {
  createContext(options: {
    readonly contextSize: number;
    readonly batchSize: number;
    readonly threads: number;
    readonly sequences: number;
  }): Promise<LlamaContext>;
}

export interface LlamaContext {
  readonly contextSize: number;
  readonly idealThreads: number;
  getSequence(): LlamaSequence;
}

export interface LlamaSequence {
  /** Every token that was given to llama.cpp, those that were evaluated again included. */
  readonly tokenMeter: { readonly usedInputTokens: number; readonly usedOutputTokens: number };
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: number[]): Promise<void>;
  evaluate(
    tokens: number[],
    options: { readonly temperature: number; readonly yieldEogToken: boolean },
  ): AsyncIterable<number>;
  controlledEvaluate(
    input: readonly (
      | number
      | readonly [number, { readonly generateNext: { readonly logits: true; readonly token: true } }]
    )[],
  ): Promise<readonly { readonly next: { readonly logits?: ReadonlyMap<number, number> } }[]>;
}
