import { SsError, throwIfAborted } from '@ss/core';
import type { Engine, FloatDType } from '@ss/core';
import { scanCotangents, scanInputs } from '../scan-inputs.ts';
import type { ScanOptions, ScanShape } from '../scan-inputs.ts';
import type { Work } from '../work.ts';
import { chunkedCumsum } from './chunked-cumsum.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { checkOp, outputsOf, repeatable } from './op.ts';
import { report, requireAgreement } from './report.ts';
import type { Benchmark, Row } from './report.ts';

export interface ScanSetting extends Omit<ScanShape, 'length'>, ScanOptions {
  /** one row of the report each */
  readonly lengths: readonly number[];
  readonly dtype: FloatDType;
  /** also time the gradient, alone and after the forward as autograd runs it */
  readonly grad: boolean;
  /** also time {@link chunkedCumsum} and count what it gets wrong */
  readonly chunkedCumsum: boolean;
}

/** Times `selectiveScan` on inputs as Mamba initialises a layer. */
export async function benchScan(
  engine: Engine,
  setting: ScanSetting,
  budget: Budget,
  work: Work,
): Promise<void> {
  if (setting.chunkedCumsum && setting.z) {
    throw new SsError('argument-invalid', 'The chunked cumulative sum has no gate.', {
      hint: 'Leave out --z.',
    });
  }
  const rows: Row[] = [];
  let check: Benchmark['check'] | undefined;
  for (const length of setting.lengths) {
    throwIfAborted(work.signal, 'preparing inputs');
    const done = await benchLength(engine, setting, length, budget);
    if (check === undefined || done.check.used > check.used) check = done.check;
    rows.push(...done.rows);
  }
  await report({ bench: 'scan', engine, setting: shownSetting(setting), check: check!, rows }, work);
}

/** The setting as it is reported. */
export function shownSetting(setting: ScanSetting): Record<string, unknown> {
  const { batch, lengths, channels, states, dtype, softplus, bias, D, z, finalState } = setting;
  const on = { softplus, bias, skip: D, z, 'final state': finalState };
  const shown = Object.fromEntries(Object.entries(on).filter(([, given]) => given));
  return { B: batch, L: lengths.join(','), D: channels, N: states, dtype, ...shown };
}

async function benchLength(
  engine: Engine,
  setting: ScanSetting,
  length: number,
  budget: Budget,
): Promise<{ check: Benchmark['check']; rows: Row[] }> {
  const { batch, channels, states, dtype } = setting;
  const shape = { batch, length, channels, states };
  const inputs = scanInputs(shape, setting, dtype);
  let check = await checkOp(engine, 'selectiveScan', inputs);
  requireAgreement(check, 'scan');
  using forward = repeatable(engine, 'selectiveScan', inputs);
  const y = (await outputsOf(engine, 'selectiveScan', inputs)).get('y')!;
  const timed = [
    {
      what: `${engine.id}, L ${length}`,
      run: () => forward.run(),
      more: { 'not finite': shareNotFinite(y) },
    },
  ];

  const gradient = scanCotangents(inputs, shape, dtype);
  using backward = setting.grad ? repeatable(engine, 'selectiveScanBackward', gradient) : undefined;
  if (backward) {
    const checked = await checkOp(engine, 'selectiveScanBackward', gradient);
    requireAgreement(checked, 'gradient of scan');
    if (checked.used > check.used) check = checked;
    const more = { 'not finite': '' };
    timed.push({ what: `${engine.id} gradient, L ${length}`, run: () => backward.run(), more });
    const both = async (): Promise<void> => {
      await forward.run();
      await backward.run();
    };
    timed.push({ what: `${engine.id} forward and gradient, L ${length}`, run: both, more });
  }
  if (setting.chunkedCumsum) {
    const other = await chunkedCumsum(inputs);
    const run = async (): Promise<void> => void (await chunkedCumsum(inputs));
    timed.push({ what: `chunked cumsum, L ${length}`, run, more: { 'not finite': shareNotFinite(other) } });
  }
  const timings = await measure(
    timed.map(({ run }) => run),
    budget,
  );
  const updates = { 'G updates': (batch * length * channels * states) / 1e9 };
  return {
    check,
    rows: timed.map(({ what, more }, i) => ({ what, more, timing: timings[i]!, work: updates })),
  };
}

function shareNotFinite(values: ArrayLike<number>): string {
  let wrong = 0;
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) wrong++;
  return wrong === 0 ? '0' : `${((100 * wrong) / values.length).toFixed(1)} %`;
}
