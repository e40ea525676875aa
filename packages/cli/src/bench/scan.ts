import { SsError, throwIfAborted } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { Engine, FloatDType, SelectiveScanArgs } from '@ss/core';
import { compare } from '../compare.ts';
import { scanInputs } from '../scan-inputs.ts';
import type { ScanOptions, ScanShape } from '../scan-inputs.ts';
import type { Work } from '../work.ts';
import { chunkedCumsum } from './chunked-cumsum.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { onReference } from './on-reference.ts';
import { report, requireAgreement } from './report.ts';
import type { Benchmark, Row } from './report.ts';

export interface ScanSetting extends Omit<ScanShape, 'length'>, ScanOptions {
  /** one row of the report each */
  readonly lengths: readonly number[];
  readonly dtype: FloatDType;
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
  const { lengths, dtype, chunkedCumsum: also, ...rest } = setting;
  const rows: Row[] = [];
  let check: Benchmark['check'] | undefined;
  for (const length of lengths) {
    throwIfAborted(work.signal, 'preparing inputs');
    const shape = { ...rest, length };
    const inputs = scanInputs(shape, setting, dtype);
    const latest = await checkScan(engine, inputs);
    requireAgreement(latest, 'scan');
    if (check === undefined || latest.used > check.used) check = latest;
    rows.push(...(await timeScan(engine, inputs, shape, also, budget)));
  }
  const given = { B: setting.batch, L: lengths.join(','), D: setting.channels, N: setting.states, dtype };
  const { softplus, bias, D, z, finalState } = setting;
  const on = { softplus, bias, skip: D, z, 'final state': finalState };
  const shown = Object.fromEntries(Object.entries(on).filter(([, given]) => given));
  await report({ bench: 'scan', engine, setting: { ...given, ...shown }, check: check!, rows }, work);
}

async function timeScan(
  engine: Engine,
  inputs: SelectiveScanArgs,
  shape: ScanShape,
  also: boolean,
  budget: Budget,
): Promise<Row[]> {
  const { batch, length, channels, states } = shape;
  const updates = { 'G updates': (batch * length * channels * states) / 1e9 };
  const placed = place(engine, inputs);
  const once = async (): Promise<void> => {
    using _ = engine.selectiveScan(placed);
    await engine.sync();
  };
  try {
    using out = engine.selectiveScan(placed);
    const nonFinite = shareNotFinite(await out.y.read());
    const others = also ? [async () => void (await chunkedCumsum(inputs))] : [];
    const [own, other] = await measure([once, ...others], budget);
    const rows: Row[] = [
      { what: `${engine.id}, L ${length}`, timing: own!, work: updates, more: { 'not finite': nonFinite } },
    ];
    if (other === undefined) return rows;
    const wrong = shareNotFinite(await chunkedCumsum(inputs));
    return [
      ...rows,
      { what: `chunked cumsum, L ${length}`, timing: other, work: updates, more: { 'not finite': wrong } },
    ];
  } finally {
    for (const value of Object.values(placed)) if (typeof value === 'object') value.dispose();
  }
}

async function checkScan(engine: Engine, inputs: SelectiveScanArgs): Promise<Benchmark['check']> {
  const results = async (on: Engine): Promise<readonly [ArrayLike<number>, ArrayLike<number>]> => {
    using out = on.selectiveScan({ ...inputs, finalState: inputs.finalState === true });
    return [
      (await out.y.read()) as ArrayLike<number>,
      ((await out.finalState?.read()) ?? []) as ArrayLike<number>,
    ];
  };
  const [actual, expected] = [await results(engine), await onReference(results)];
  const { call } = engine.assess('selectiveScan', inputs);
  const { dtype } = inputs.u;
  const y = compare(actual[0], expected[0], ops.selectiveScan.tolerance(dtype, 'y', call.sizes));
  const state = compare(actual[1], expected[1], ops.selectiveScan.tolerance('f32', 'finalState', call.sizes));
  return { ...(state.used > y.used ? state : y), against: 'the reference in float64' };
}

function place(engine: Engine, inputs: SelectiveScanArgs): SelectiveScanArgs {
  const entries = Object.entries(inputs).map(([name, value]) => [
    name,
    typeof value === 'object' ? engine.upload(value) : value,
  ]);
  return Object.fromEntries(entries) as SelectiveScanArgs;
}

function shareNotFinite(values: ArrayLike<number | bigint>): string {
  let wrong = 0;
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(Number(values[i]))) wrong++;
  return wrong === 0 ? '0' : `${((100 * wrong) / values.length).toFixed(1)} %`;
}
