import type { MambaConfig } from '../src/config.ts';

/** Values of a block's parameters by official name, row-major. */
export type Values = Readonly<Record<string, Float32Array>>;

const silu = (x: number): number => x / (1 + Math.exp(-x));

/**
 * One sequence (L, K) through a block, written from the paper's figure 3 and algorithm 2 in float64, without
 * the library: the oracle of its tests.
 */
export function naiveBlock(config: MambaConfig, p: Values, input: readonly number[][]): number[][] {
  const { dInner: D, dState: N, dConv: W, dtRank: R } = config;
  const times = (weight: string, x: readonly number[], bias?: string): number[] => {
    const w = p[weight]!;
    return Array.from({ length: w.length / x.length }, (_, m) =>
      x.reduce((sum, value, k) => sum + w[m * x.length + k]! * value, bias ? (p[bias]?.[m] ?? 0) : 0),
    );
  };
  const normalise = (x: readonly number[], eps: number, weight?: Float32Array): number[] => {
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + eps);
    return x.map((v, i) => v * scale * (weight?.[i] ?? 1));
  };
  const select = (x: readonly number[]): number[] =>
    config.selectionNormEps === undefined ? [...x] : normalise(x, config.selectionNormEps);

  const h = Array.from({ length: D }, () => new Float64Array(N));
  const past: number[][] = Array.from({ length: W - 1 }, () => new Array<number>(D).fill(0));
  return input.map((token) => {
    const xz = times(
      'mixer.in_proj.weight',
      normalise(token, config.normEps, p['norm.weight']),
      'mixer.in_proj.bias',
    );
    past.push(xz.slice(0, D));
    const u = Array.from({ length: D }, (_, d) => {
      let sum = p['mixer.conv1d.bias']?.[d] ?? 0;
      for (let k = 0; k < W; k++)
        sum += p['mixer.conv1d.weight']![d * W + k]! * past[past.length - W + k]![d]!;
      return silu(sum);
    });
    const dbc = times('mixer.x_proj.weight', u);
    const [dt, B, C] = [dbc.slice(0, R), dbc.slice(R, R + N), dbc.slice(R + N)].map(select) as [
      number[],
      number[],
      number[],
    ];
    const delta = times('mixer.dt_proj.weight', dt, 'mixer.dt_proj.bias').map((v) => Math.log1p(Math.exp(v)));
    const y = u.map((value, d) => {
      let sum = p['mixer.D']![d]! * value;
      for (let n = 0; n < N; n++) {
        const A = -Math.exp(p['mixer.A_log']![d * N + n]!);
        h[d]![n] = Math.exp(delta[d]! * A) * h[d]![n]! + delta[d]! * B[n]! * value;
        sum += C[n]! * h[d]![n]!;
      }
      return sum * silu(xz[D + d]!);
    });
    return times('mixer.out_proj.weight', y, 'mixer.out_proj.bias').map((v, k) => v + token[k]!);
  });
}
