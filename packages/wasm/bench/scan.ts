import { scanArgs, SCAN_UNIT } from '../src/kernels/layout.generated.ts';
import type { Variant } from '../src/kernels/module.ts';
import { BenchHost, check, time } from './host.ts';
import { generator } from './random.ts';

/* Selective scan with softplus, bias, D and final state, one thread: checked against float64, then timed. */

const L = Number(process.argv[2] ?? 2048);
const N = Number(process.argv[3] ?? 16);
for (const variant of ['relaxed', 'baseline'] as Variant[])
  for (const D of [1536, 1533]) for (const gate of [false, true]) await bench(variant, D, gate);

async function bench(variant: Variant, D: number, gate: boolean): Promise<void> {
  const host = await BenchHost.open(variant);
  const random = generator(7);
  const make = (n: number, f: () => number): number => host.make(n, f);
  const normal = (): number => random() + random() - 1;
  const u = make(L * D, normal);
  const delta = make(L * D, () => -4 + 3 * random());
  const z = gate ? make(L * D, normal) : 0;
  const A = make(D * N, () => -16 * random());
  const B = make(L * N, normal);
  const C = make(L * N, normal);
  const skip = make(D, normal);
  const bias = make(D, normal);
  const y = host.alloc(L * D * 4);
  const h1 = host.alloc(D * N * 4);
  const tile = Math.min(32, L);
  const span = Math.min(1536, Math.ceil(D / SCAN_UNIT) * SCAN_UNIT);
  const scratch = 4 * (span * (2 * N + 3 * tile + 5) + 2 * tile * N);
  const run = host.call(
    'selectiveScan',
    scanArgs,
    {
      S: 1,
      cuSeqlens: 0,
      stateIndices: 0,
      slots: 0,
      L,
      H: 1,
      P: D,
      N,
      headsPerGroup: 1,
      softplus: 1,
      reverse: 0,
      span,
      tile,
      dtype: 0,
      u,
      uB: 0,
      uT: D * 4,
      uH: 0,
      uP: 4,
      delta,
      deltaB: 0,
      deltaT: D * 4,
      deltaH: 0,
      deltaP: 4,
      z,
      zB: 0,
      zT: D * 4,
      zH: 0,
      zP: 4,
      y,
      yB: 0,
      yT: D * 4,
      yH: 0,
      yP: 4,
      A,
      AH: 0,
      AP: 4,
      AN: D * 4,
      AType: 0,
      BVaries: 1,
      Bs: B,
      BB: 0,
      BT: N * 4,
      BG: 0,
      BH: 0,
      BP: 0,
      BN: 4,
      BType: 0,
      CVaries: 1,
      Cs: C,
      CB: 0,
      CT: N * 4,
      CG: 0,
      CH: 0,
      CP: 0,
      CN: 4,
      CType: 0,
      D: skip,
      DH: 0,
      DP: 4,
      DType: 0,
      bias,
      biasH: 0,
      biasP: 4,
      biasType: 0,
      h0: 0,
      h0B: 0,
      h0H: 0,
      h0P: 0,
      h0N: 0,
      h1BySlot: 0,
      h1,
      h1B: 0,
      h1H: 0,
      h1P: 4,
      h1N: D * 4,
    },
    Math.ceil(D / SCAN_UNIT),
    scratch,
  );
  run();
  const channels = [0, 1, 7, 8, D >> 1, D - 2, D - 1];
  const expected = channels.flatMap((d) => {
    const at = (p: number, i: number): number => host.floats(p, i + 1)[i]!;
    const h = new Float64Array(N);
    const ys: number[] = [];
    for (let t = 0; t < L; t++) {
      const dt = Math.log1p(Math.exp(at(delta, t * D + d) + at(bias, d)));
      let sum = at(skip, d) * at(u, t * D + d);
      for (let n = 0; n < N; n++) {
        h[n] = Math.exp(dt * at(A, n * D + d)) * h[n]! + dt * at(B, t * N + n) * at(u, t * D + d);
        sum += at(C, t * N + n) * h[n]!;
      }
      const g = gate ? at(z, t * D + d) : 0;
      ys.push(gate ? (sum * g) / (1 + Math.exp(-g)) : sum);
    }
    return [...ys, ...h];
  });
  const actual = channels.flatMap((d) => {
    const ys = Array.from({ length: L }, (_, t) => host.floats(y, L * D)[t * D + d]!);
    return [...ys, ...Array.from({ length: N }, (_, n) => host.floats(h1, D * N)[n * D + d]!)];
  });
  const worst = check(`scan ${variant} D ${D}`, actual, expected, 1e-5, 1e-5);
  const { best, median } = time(run);
  const rate = (seconds: number): string => ((L * D * N) / seconds / 1e9).toFixed(2);
  console.log(
    `scan ${variant} L ${L} D ${D} N ${N}${gate ? ' z' : ''}: ${rate(best)} G updates/s best, ${rate(median)} median (error ${worst.toExponential(1)})`,
  );
}
