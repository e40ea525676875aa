import { linearArgs, LINEAR_ROWS, packArgs, PANEL } from '../src/kernels/layout.generated.ts';
import type { Variant } from '../src/kernels/module.ts';
import { checkLinear, packedBytes, weightTypes } from './check-linear.ts';
import type { WeightType } from './check-linear.ts';
import { BenchHost, time } from './host.ts';
import { generator } from './random.ts';

/* y = x W^T from packed weights, one thread: GFLOP/s, and GB/s of weights where a single row reads them. */

const shapes = [
  [256, 768, 3072],
  [512, 1536, 768],
  [7, 768, 3072],
  [4, 768, 8192],
  [2, 768, 8192],
  [1, 768, 50277],
] as const;

for (const variant of ['relaxed', 'baseline'] as Variant[]) {
  console.log(`linear ${variant}: ${await checkLinear(variant)} cases right`);
  for (const type of Object.keys(weightTypes) as WeightType[]) {
    for (const [R, K, M] of shapes) await bench(variant, type, R, K, M);
  }
}

async function bench(variant: Variant, type: WeightType, R: number, K: number, M: number): Promise<void> {
  const host = await BenchHost.open(variant);
  const random = generator(3);
  const normal = (): number => random() + random() - 1;
  const x = host.make(R * K, normal);
  const weight = host.make(M * K, normal);
  const bias = host.make(M, normal);
  const panels = Math.ceil(M / PANEL);
  const bytes = packedBytes(type, M, K);
  const packed = host.alloc(bytes);
  host.call(
    'pack',
    packArgs,
    {
      M,
      K,
      weight,
      weightM: K * 4,
      weightK: 4,
      weightType: 0,
      packed,
      packedType: weightTypes[type],
    },
    panels,
    K * PANEL * 4,
  )();
  const y = host.alloc(R * M * 4);
  const rowBlock =
    LINEAR_ROWS * Math.max(1, Math.min(Math.floor(65536 / K / LINEAR_ROWS), Math.ceil(R / LINEAR_ROWS)));
  const run = host.call(
    'linear',
    linearArgs,
    {
      R,
      K,
      M,
      rowBlock,
      dtype: 0,
      x,
      xR: K * 4,
      xK: 4,
      weightType: weightTypes[type],
      packed: 1,
      weight: packed,
      weightM: 0,
      weightK: 0,
      bias,
      biasM: 4,
      biasType: 0,
      residual: 0,
      residualR: 0,
      residualM: 0,
      y,
      yR: M * 4,
    },
    Math.ceil(R / rowBlock) * panels,
    4 * (rowBlock * K + PANEL * K + 256),
  );
  const { best, median } = time(run, 15);
  const rate = (seconds: number): string => {
    const flops = ((2 * R * K * M) / seconds / 1e9).toFixed(1);
    return R === 1 ? `${(bytes / seconds / 1e9).toFixed(1)} GB/s, ${flops} GFLOP/s` : `${flops} GFLOP/s`;
  };
  console.log(`linear ${variant} ${type} R ${R} K ${K} M ${M}: ${rate(best)} best, ${rate(median)} median`);
}
