import { decode } from '@ss/core';
import type { MambaConfig } from '@ss/mamba-block';
import type { Tensors } from './tiny-checkpoint.ts';

const silu = (x: number): number => x / (1 + Math.exp(-x));

/**
 * Logits after the last token, from the stored tensors by the names of Hugging Face, in float64 and without the
 * library: `FalconMambaForCausalLM` with `selectionNormEps`, `MambaForCausalLM` without.
 */
export function naiveLogits(
  tensors: Tensors,
  config: MambaConfig,
  layers: number,
  ids: readonly number[],
): number[] {
  const value = (name: string): number[] | undefined => {
    const stored = tensors[name];
    return stored && [...(decode(stored.bytes, stored.dtype) as ArrayLike<number> & Iterable<number>)];
  };
  const { dModel: K, normEps } = config;
  const embedding = value('backbone.embeddings.weight')!;
  let x = ids.map((id) => embedding.slice(id * K, (id + 1) * K));
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string): number[] | undefined => value(`backbone.layers.${layer}.${name}`);
    x = naiveLayer(config, own, x);
  }
  const last = normalise(x.at(-1)!, normEps, value('backbone.norm_f.weight'));
  return times(value('lm_head.weight') ?? embedding, last);
}

function naiveLayer(
  config: MambaConfig,
  value: (name: string) => number[] | undefined,
  input: readonly number[][],
): number[][] {
  const { dInner: D, dState: N, dConv: W, dtRank: R, normEps, selectionNormEps } = config;
  const own = (name: string): number[] => value(`mixer.${name}`)!;
  const select = (x: number[]): number[] =>
    selectionNormEps === undefined ? x : normalise(x, selectionNormEps);
  const h = Array.from({ length: D }, () => new Float64Array(N));
  const past: number[][] = Array.from({ length: W - 1 }, () => new Array<number>(D).fill(0));
  return input.map((token) => {
    const xz = times(own('in_proj.weight'), normalise(token, normEps, value('norm.weight')));
    past.push(xz.slice(0, D));
    const u = Array.from({ length: D }, (_, d) => {
      const window = past.slice(-W).map((column, k) => own('conv1d.weight')[d * W + k]! * column[d]!);
      return silu(window.reduce((a, b) => a + b, own('conv1d.bias')[d]!));
    });
    const dbc = times(own('x_proj.weight'), u);
    const dt = times(own('dt_proj.weight'), select(dbc.slice(0, R)));
    const B = select(dbc.slice(R, R + N));
    const C = select(dbc.slice(R + N));
    const y = u.map((value, d) => {
      const delta = Math.log1p(Math.exp(dt[d]! + own('dt_proj.bias')[d]!));
      let sum = own('D')[d]! * value;
      for (let n = 0; n < N; n++) {
        const A = -Math.exp(own('A_log')[d * N + n]!);
        h[d]![n] = Math.exp(delta * A) * h[d]![n]! + delta * B[n]! * value;
        sum += C[n]! * h[d]![n]!;
      }
      return sum * silu(xz[D + d]!);
    });
    return times(own('out_proj.weight'), y).map((v, k) => v + token[k]!);
  });
}

/** (M, K) row-major times (K) */
function times(weight: readonly number[], x: readonly number[]): number[] {
  return Array.from({ length: weight.length / x.length }, (_, m) =>
    x.reduce((sum, v, k) => sum + weight[m * x.length + k]! * v, 0),
  );
}

function normalise(x: readonly number[], eps: number, weight?: readonly number[]): number[] {
  const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + eps);
  return x.map((v, i) => v * scale * (weight?.[i] ?? 1));
}
