import { tensor } from '@ss/core';
import type { CausalConv1dArgs, Engine, FloatDType } from '@ss/core';
import { Random } from '../random.ts';
import type { Work } from '../work.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { checkOp, repeatable } from './op.ts';
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
  const check = await checkOp(engine, 'causalConv1d', args);
  requireAgreement(check, 'conv');
  using placed = repeatable(engine, 'causalConv1d', args);
  const [timing] = await measure([() => placed.run()], budget);
  const elements = batch * length * channels;
  const amount = { GFLOP: (2 * width * elements) / 1e9, GB: (2 * args.x.storage.byteLength) / 1e9 };
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
