import { tensor } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { Engine, FloatDType, Tensor, WeightDType } from '@ss/core';
import { compare } from '../compare.ts';
import { Random } from '../random.ts';
import type { Work } from '../work.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { onReference } from './on-reference.ts';
import { report, requireAgreement } from './report.ts';
import type { Benchmark } from './report.ts';

export interface LinearSetting {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly dtype: FloatDType;
  /** how the weight is stored */
  readonly weights: WeightDType;
}

/** So many rows, spread over all, are compared: rows do not depend on each other. */
const checkedRows = 16;

/** Times `linear` with a packed weight, as a model runs it. */
export async function benchLinear(
  engine: Engine,
  setting: LinearSetting,
  budget: Budget,
  work: Work,
): Promise<void> {
  const { rows: R, inputs: K, outputs: M, dtype, weights } = setting;
  const random = new Random(1);
  const x = tensor(random.normals(R * K), [R, K], dtype);
  const values = random.normals(M * K, K ** -0.5);
  const weight = weights === 'i8' ? tensor(asInt8(values, K), [M, K]) : tensor(values, [M, K], weights);
  using placed = engine.upload(x);
  using packed = engine.pack(weight, weights);
  const check = await checkLinear(engine, placed, packed, { x, weight });
  requireAgreement(check, 'linear');

  const once = async (): Promise<void> => {
    using _ = engine.linear({ x: placed, weight: packed });
    await engine.sync();
  };
  const [timing] = await measure([once], budget);
  const amount = { GFLOP: (2 * R * K * M) / 1e9, 'GB of weights': packed.storage.byteLength / 1e9 };
  const shown = { rows: R, K, M, dtype, weights };
  await report(
    {
      bench: 'linear',
      engine,
      setting: shown,
      check,
      rows: [{ what: engine.id, timing: timing!, work: amount }],
    },
    work,
  );
}

async function checkLinear(
  engine: Engine,
  x: Tensor,
  weight: Tensor,
  host: { readonly x: Tensor; readonly weight: Tensor },
): Promise<Benchmark['check']> {
  const step = Math.max(1, Math.floor(x.shape[0]! / checkedRows));
  const [R, K] = host.x.shape as [number, number];
  const M = host.weight.shape[0]!;
  const all = (await host.x.read()) as ArrayLike<number>;
  const some = Array.from({ length: Math.ceil(R / step) }, (_, i) => i * step);
  const picked = tensor(
    Float32Array.from(some.flatMap((r) => Array.from({ length: K }, (_, k) => all[r * K + k]!))),
    [some.length, K],
    host.x.dtype,
  );
  const expected = await onReference(async (reference) => {
    using y = reference.linear({ x: picked, weight: host.weight });
    return (await y.read()) as ArrayLike<number>;
  });
  using y = engine.linear({ x, weight });
  const whole = (await y.read()) as ArrayLike<number>;
  const actual = some.flatMap((r) => Array.from({ length: M }, (_, m) => whole[r * M + m]!));
  const { call } = engine.assess('linear', host);
  return {
    ...compare(actual, expected, ops.linear.tolerance(x.dtype, 'y', call.sizes)),
    against: `the reference in float64 (${some.length} of ${R} rows)`,
  };
}

/** Values as they are after int8 with one scale for each row of K, largest magnitude 127. */
function asInt8(values: Float32Array, K: number): Float32Array {
  const rounded = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += K) {
    const own = values.subarray(row, row + K);
    const scale = Math.fround(own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
    rounded.set(
      own.map((value) => Math.round(value / scale) * scale),
      row,
    );
  }
  return rounded;
}
