import { tensor } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { CausalConv1dArgs, Engine, FloatDType } from '@ss/core';
import { compare } from '../compare.ts';
import { Random } from '../random.ts';
import type { Work } from '../work.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { onReference } from './on-reference.ts';
import { report, requireAgreement } from './report.ts';

export interface ConvSetting {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly width: number;
  readonly dtype: FloatDType;
}

/** Times `causalConv1d` with bias and SiLU. */
export async function benchConv(
  engine: Engine,
  setting: ConvSetting,
  budget: Budget,
  work: Work,
): Promise<void> {
  const { batch, length, channels, width, dtype } = setting;
  const random = new Random(1);
  const args: CausalConv1dArgs = {
    x: tensor(random.normals(batch * length * channels), [batch, length, channels], dtype),
    weight: tensor(random.normals(channels * width, width ** -0.5), [channels, width]),
    bias: tensor(random.normals(channels), [channels]),
    activation: 'silu',
  };
  const result = async (on: Engine): Promise<ArrayLike<number>> => {
    using out = on.causalConv1d(args);
    return (await out.y.read()) as ArrayLike<number>;
  };
  const { call } = engine.assess('causalConv1d', args);
  const tolerance = ops.causalConv1d.tolerance(dtype, 'y', call.sizes);
  const check = {
    ...compare(await result(engine), await onReference(result), tolerance),
    against: 'the reference in float64',
  };
  requireAgreement(check, 'conv');

  using x = engine.upload(args.x);
  using weight = engine.upload(args.weight);
  using bias = engine.upload(args.bias!);
  const once = async (): Promise<void> => {
    using _ = engine.causalConv1d({ x, weight, bias, activation: 'silu' });
    await engine.sync();
  };
  const [timing] = await measure([once], budget);
  const elements = batch * length * channels;
  const amount = { GFLOP: (2 * width * elements) / 1e9, GB: (2 * x.storage.byteLength) / 1e9 };
  const shown = { B: batch, L: length, D: channels, W: width, dtype, bias: true, silu: true };
  await report(
    {
      bench: 'conv',
      engine,
      setting: shown,
      check,
      rows: [{ what: engine.id, timing: timing!, work: amount }],
    },
    work,
  );
}
