import { embeddingArgs, packArgs, PANEL } from '../src/kernels/layout.generated.ts';
import type { Variant } from '../src/kernels/module.ts';
import { bytesOf, packedBytes, quantized, types, weightTypes } from './check-linear.ts';
import type { FloatType, WeightType } from './check-linear.ts';
import { BenchHost, check, time } from './host.ts';
import { generator } from './random.ts';

/* Rows out of a packed weight, as a tied embedding reads them: checked against the weight itself, then timed. */

for (const variant of ['relaxed', 'baseline'] as Variant[]) {
  for (const weightType of Object.keys(weightTypes) as WeightType[]) {
    for (const dtype of Object.keys(types) as FloatType[])
      await bench(variant, weightType, dtype, 37, 768, 5003);
    await bench(variant, weightType, 'f32', 2048, 768, 50277);
  }
}

async function bench(
  variant: Variant,
  weightType: WeightType,
  dtype: FloatType,
  R: number,
  K: number,
  V: number,
): Promise<void> {
  const label = `embedding ${variant} ${weightType} to ${dtype} R ${R} K ${K} V ${V}`;
  const host = await BenchHost.open(variant);
  const random = generator(11);
  // Eighths up to 16: exact in every format.
  const weight = host.make(V * K, () => Math.floor(random() * 257 - 128) / 8);
  const panels = Math.ceil(V / PANEL);
  const packed = host.alloc(packedBytes(weightType, V, K));
  host.call(
    'pack',
    packArgs,
    {
      M: V,
      K,
      weight,
      weightM: K * 4,
      weightK: 4,
      weightType: 0,
      packed,
      packedType: weightTypes[weightType],
    },
    panels,
    K * PANEL * 4,
  )();
  const ids = host.alloc(R * 4);
  const idValues = (): Int32Array => new Int32Array(host.memory.buffer, ids, R);
  idValues().set(Array.from({ length: R }, (_, r) => (r < 2 ? [0, V - 1][r]! : Math.floor(random() * V))));
  const y = host.alloc(R * K * bytesOf(dtype));
  const run = host.call(
    'embedding',
    embeddingArgs,
    {
      R,
      K,
      V,
      ids,
      idsR: 4,
      weightType: weightTypes[weightType],
      packed: 1,
      weight: packed,
      weightV: 0,
      weightK: 0,
      dtype: types[dtype],
      y,
      yR: K * bytesOf(dtype),
    },
    R,
    K * 4,
  );
  run();
  const stored = host.floats(weight, V * K);
  const exact = weightType === 'i8' ? quantized(stored, V, K, (v, k) => v * K + k) : stored;
  // The kernel rounds q * scale to f32 first, then to y's dtype.
  const weights = Float32Array.from(exact);
  const expected = [...idValues()].flatMap((id) => [...weights.subarray(id * K, (id + 1) * K)]);
  const rounding = weightType === 'i8' ? { f32: 0, f16: 2 ** -11, bf16: 2 ** -8 }[dtype] : 0;
  check(label, values(host, y, dtype, R * K), expected, rounding, 0);
  for (const bad of [V, -1, 2 ** 31 - 1]) {
    const kept = idValues()[R - 3]!;
    idValues()[R - 3] = bad;
    const message = failure(run);
    if (!message.endsWith(`failed with ${R - 2}`)) throw new Error(`${label}: id ${bad} gave "${message}"`);
    idValues()[R - 3] = kept;
  }
  const { best, median } = time(run, 20);
  const rate = (seconds: number): string => ((R * K * bytesOf(dtype)) / seconds / 1e9).toFixed(2);
  console.log(`${label}: ${rate(best)} GB/s of y best, ${rate(median)} median`);
}

function failure(run: () => void): string {
  try {
    run();
    return 'no failure';
  } catch (error) {
    return String(error);
  }
}

function values(host: BenchHost, at: number, dtype: FloatType, length: number): ArrayLike<number> {
  if (dtype === 'f32') return host.floats(at, length);
  if (dtype === 'f16') return new Float16Array(host.memory.buffer, at, length);
  const bits = Uint32Array.from(new Uint16Array(host.memory.buffer, at, length), (half) => half << 16);
  return new Float32Array(bits.buffer);
}
