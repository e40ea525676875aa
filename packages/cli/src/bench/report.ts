import { SsError } from '@ss/core';
import type { Engine } from '@ss/core';
import { agrees } from '../compare.ts';
import type { Comparison } from '../compare.ts';
import { table } from '../table.ts';
import type { Work } from '../work.ts';
import type { Timing } from './measure.ts';

/** One timed thing of a benchmark. */
export interface Row {
  readonly what: string;
  readonly timing: Timing;
  /** What one run does, by unit, such as `{ 'G updates': 0.05 }`; printed per second. */
  readonly work: Readonly<Record<string, number>>;
  /** Further columns. */
  readonly more?: Readonly<Record<string, string | number>>;
}

export interface Benchmark {
  readonly bench: string;
  readonly engine: Engine;
  readonly setting: Readonly<Record<string, unknown>>;
  /** What the result was compared with, and how close it was. */
  readonly check: Comparison & { readonly against: string };
  readonly rows: readonly Row[];
}

/** Refuses to time what is wrong. @throws SsError `check-failed` */
export function requireAgreement(check: Benchmark['check'], bench: string): void {
  if (agrees(check)) return;
  throw new SsError(
    'check-failed',
    `${bench}: the result is ${check.maxError} away from ${check.against}, so it was not timed.`,
    {
      hint: 'ss doctor shows which backends compute correctly here.',
      details: { ...check },
    },
  );
}

export async function report({ bench, engine, setting, check, rows }: Benchmark, work: Work): Promise<void> {
  const results = rows.map(({ what, timing, work: amount, more }) => ({
    what,
    milliseconds: timing,
    perSecond: Object.fromEntries(
      Object.entries(amount).map(([unit, n]) => [unit, (n / timing.median) * 1000]),
    ),
    ...more,
  }));
  const data = { bench, backend: engine.id, device: engine.device, setting, check, results };
  const head = [
    '',
    'median',
    'best',
    'spread',
    'runs',
    ...Object.keys(rows[0]!.work).map((unit) => `${unit}/s`),
    ...Object.keys(rows[0]!.more ?? {}),
  ];
  const body = results.map(({ what, milliseconds: { median, best, spread, runs }, perSecond }, i) => [
    what,
    `${significant(median)} ms`,
    `${significant(best)} ms`,
    `${(100 * spread).toFixed(0)} %`,
    runs,
    ...Object.values(perSecond).map(significant),
    ...Object.values(rows[i]!.more ?? {}),
  ]);
  const facts = Object.entries(setting).map(([name, value]) =>
    value === true ? name : `${name} ${String(value)}`,
  );
  const checked = `largest error ${check.maxError.toExponential(1)} against ${check.against}`;
  await work.result(data, [`${bench}: ${facts.join(', ')}`, checked, table([head, ...body])].join('\n'));
}

/** Three digits that mean something. */
export function significant(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US', {
    maximumFractionDigits: 6,
    useGrouping: false,
  });
}
