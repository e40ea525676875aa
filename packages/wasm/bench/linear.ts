import { linearArgs, LINEAR_ROWS, packArgs, PANEL } from '../src/kernels/layout.generated.ts';
import type { Variant } from '../src/kernels/module.ts';
import { BenchHost, check, time } from './host.ts';
import { generator } from './random.ts';

/* y = x W^T from packed weights, one thread: GFLOP/s with many rows, GB/s of weights with one. */

const types = { f32: 0, f16: 1, bf16: 2 } as const;
type WeightType = keyof typeof types;

for (const variant of ['relaxed', 'baseline'] as Variant[]) {
  for (const type of ['f32', 'bf16', 'f16'] as WeightType[]) {
    await bench(variant, type, 512, 768, 3072, 5);
    await bench(variant, type, 512, 1536, 768, 5);
    await bench(variant, type, 7, 768, 3072, 20);
    await bench(variant, type, 4, 768, 8192, 20);
    await bench(variant, type, 1, 768, 50277, 10);
  }
}

async function bench(variant: Variant, type: WeightType, R: number, K: number, M: number, repeats: number): Promise<void> {
  const host = await BenchHost.open(variant);
  const random = generator(3);
  const normal = (): number => random() + random() - 1;
  const x = host.make(R * K, normal);
  const weight = host.make(M * K, normal);
  const bias = host.make(M, normal);
  const panels = Math.ceil(M / PANEL);
  const packedBytes = panels * PANEL * K * (type === 'f32' ? 4 : 2);
  const packed = host.alloc(packedBytes);
  host.call('pack', packArgs, { M, K, weight, weightM: K * 4, weightK: 4, weightType: 0, packed, packedType: types[type] }, panels, K * PANEL * 4)();
  const y = host.alloc(R * M * 4);
  const rowBlock = Math.max(LINEAR_ROWS, Math.min(Math.floor(65536 / K / LINEAR_ROWS), Math.ceil(R / LINEAR_ROWS)) * LINEAR_ROWS);
  const run = host.call('linear', linearArgs, {
    R, K, M, rowBlock, dtype: 0, x, xR: K * 4, xK: 4, weightType: types[type], packed: 1, weight: packed, weightM: 0, weightK: 0,
    bias, biasM: 4, biasType: 0, residual: 0, residualR: 0, residualM: 0, y, yR: M * 4,
  }, Math.ceil(R / rowBlock) * panels, 4 * (rowBlock * K + PANEL * K + 256));
  run();
  const positions = Array.from({ length: 200 }, (_, i) => [i % R, i < 100 ? i % M : M - 1 - (i % 50)] as const);
  const [xs, ws, bs, ys] = [host.floats(x, R * K), host.floats(weight, M * K), host.floats(bias, M), host.floats(y, R * M)];
  const expected = positions.map(([r, m]) => xs.subarray(r * K, (r + 1) * K).reduce((sum, value, k) => sum + value * round(ws[m * K + k]!, type), bs[m]!));
  check(`linear ${variant} ${type}`, positions.map(([r, m]) => ys[r * M + m]!), expected, 1e-5, 4 * K * 2 ** -24);
  const { best, median } = time(run, repeats);
  const amount = (seconds: number): string => (R === 1 ? (packedBytes / seconds / 1e9).toFixed(1) : ((2 * R * K * M) / seconds / 1e9).toFixed(1));
  console.log(`linear ${variant} ${type} R ${R} K ${K} M ${M}: ${amount(best)} ${R === 1 ? 'GB/s' : 'GFLOP/s'} best, ${amount(median)} median`);
}

/** A value that is exact in the format, near enough: what the kernel multiplies with. */
function round(value: number, type: WeightType): number {
  if (type === 'f32') return value;
  const bits = type === 'bf16' ? 8 : 11;
  const scale = 2 ** (Math.max(type === 'f16' ? -14 : -126, Math.floor(Math.log2(Math.abs(value) || 1))) - bits + 1);
  const scaled = value / scale;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  return (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) * scale;
}
