import type { SelectiveScanArgs, SelectiveScanBackwardArgs } from '@ss/core';
import type { RandomModelConfig } from '@ss/mamba';

/** Programs that people use for the same work today. */
export type PeerName = 'torch' | ModelPeerName;
/** Those among them that run language models. */
export type ModelPeerName = 'llama.cpp' | 'wllama';

/** How a peer stores projections and the embedding. */
export const peerWeights = ['f32', 'bf16', 'f16', 'q8_0'] as const;
export type PeerWeights = (typeof peerWeights)[number];

/** How a side of a comparison runs. */
export interface Manner {
  readonly threads: number;
  /** the instruction set */
  readonly simd: string;
  /** What was chosen for it beside threads and weights, in words: a peer is measured at its best. */
  readonly settings?: string | undefined;
}

/** A scan by another program, on inputs that it was given when it was opened. */
export interface ScanPeer extends AsyncDisposable {
  readonly version: string;
  readonly manner: Manner;
  /** The ways in which it writes the scan: `sequential` steps, and `chunked-cumsum-N` in chunks of N steps. */
  readonly formulations: readonly string[];
  /** Milliseconds of one run, measured where it runs. */
  run(formulation: string): Promise<number>;
  /** Every output of one run, with the names of the op's outputs; row-major. */
  outputs(formulation: string): Promise<ReadonlyMap<string, Float32Array>>;
}

/** A language model in some program. All times are measured where it runs. */
export interface ModelRunner {
  readonly what: string;
  readonly manner: Manner;
  /** What one token of decoding has to read. */
  readonly weightBytes: number;
  /** Log-probabilities (rows) of what follows these tokens. */
  logProbs(tokens: readonly number[]): Promise<Float32Array>;
  /**
   * Milliseconds from a prompt to the logits of its last position.
   * @throws SsError `peer-failed` when it evaluated another number of tokens
   */
  prefill(tokens: readonly number[]): Promise<number>;
  /**
   * Milliseconds of so many greedy tokens after a prompt and the first one.
   * @throws SsError `peer-failed` when it evaluated another number of tokens
   */
  decode(tokens: readonly number[], steps: number): Promise<number>;
}

/** Another program's model, on the weights of `randomModel(config, { seed })`. */
export interface ModelPeer extends ModelRunner, AsyncDisposable {
  readonly version: string;
  /** Our side, where the peer needs surroundings of its own: then both run there. */
  readonly ours?: ModelRunner | undefined;
}

export interface ModelRequest {
  readonly config: RandomModelConfig;
  readonly seed: number;
  readonly weights: PeerWeights;
  /** Weights of our side, for a peer that brings it along. */
  readonly ownWeights: 'f32' | 'bf16' | 'f16' | 'i8';
  readonly threads: number;
  /** The longest prompt and what is generated after it. */
  readonly contextLength: number;
}

/**
 * Positions that llama.cpp is given: 2,048, or twice what is needed. A context as long as the prompt has no room for its
 * last token; node-llama-cpp then drops the first ones and evaluates the rest again, since a state cannot be shifted.
 */
export function roomyContext(contextLength: number): number {
  return Math.max(2048, 2 * contextLength);
}

/**
 * The first and the last token that is a visible character in the vocabulary that peers are given: wllama takes
 * no prompt but text.
 */
export const visibleTokens = [2, 93] as const;

/** What the machine can do with so many threads, measured by programs that do nothing else. */
export interface Limits {
  readonly simd: string;
  readonly threads: number;
  /** f32 multiply-adds in registers */
  readonly 'GFLOP/s': number;
  /** reading memory that is in no cache */
  readonly 'GB/s': number;
  /** state updates of a scan without anything around it */
  readonly 'G updates/s': number;
}

/** What `tools/peers` of the repository offers. */
export interface Peers {
  /** @throws SsError `peer-missing`, `peer-failed` */
  openScan(args: SelectiveScanArgs | SelectiveScanBackwardArgs): Promise<ScanPeer>;
  /** @throws SsError `peer-missing`, `peer-failed` */
  openModel(name: ModelPeerName, request: ModelRequest): Promise<ModelPeer>;
  /** Undefined where there is no compiler to make the programs with. */
  measureLimits(threads: number): Promise<Limits | undefined>;
}
