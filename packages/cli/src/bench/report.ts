import { SsError } from '@ss/core';
import type { Engine } from '@ss/core';
import { agrees } from '../compare.ts';
import type { Comparison } from '../compare.ts';
import { table } from '../table.ts';
import type { Work } from '../work.ts';
import type { Limits, Manner } from './against/peer.ts';
import type { Timing } from './measure.ts';

/** One timed thing of a benchmark. */
export interface Row {
  readonly what: string;
  readonly timing: Timing;
  /** What one run does, by unit, such as `{ 'G updates': 0.05 }`; printed per second. */
  readonly work: Readonly<Record<string, number>>;
  /** Further columns. */
  readonly more?: Readonly<Record<string, string | number>>;
  /** In a comparison with peers: how this side ran, ... */
  readonly manner?: Manner;
  /** ... its share of what the machine can do at most, ... */
  readonly share?: number;
  /** ... and how many times as fast ours is. */
  readonly ratio?: number;
}

export interface Benchmark {
  readonly bench: string;
  readonly engine: Engine;
  readonly setting: Readonly<Record<string, unknown>>;
  /** What the result was compared with, and how close it was. */
  readonly check: Comparison & { readonly against: string };
  /** Further comparisons, with peers. */
  readonly checks?: readonly Benchmark['check'][];
  /** What the machine can do, measured in the same run. */
  readonly limits?: Limits | undefined;
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

export async function report(benchmark: Benchmark, work: Work): Promise<void> {
  const { bench, engine, setting, check, checks = [], limits, rows } = benchmark;
  const results = rows.map(({ what, timing, work: amount, more, manner, share, ratio }) => ({
    what,
    milliseconds: timing,
    perSecond: Object.fromEntries(
      Object.entries(amount).map(([unit, n]) => [unit, (n / timing.median) * 1000]),
    ),
    ...more,
    ...manner,
    ...(share !== undefined && { share }),
    ...(ratio !== undefined && { ratio }),
  }));
  const data = { bench, backend: engine.id, device: engine.device, setting, check, checks, limits, results };
  const facts = Object.entries(setting).map(([name, value]) =>
    value === true ? name : `${name} ${String(value)}`,
  );
  const checked = [check, ...checks].map(
    ({ maxError, against }) => `largest error ${maxError.toExponential(1)} against ${against}`,
  );
  const machine = limits && [sayLimits(limits)];
  const lines = [`${bench}: ${facts.join(', ')}`, ...checked, ...(machine ?? []), tableOf(rows)];
  await work.result(data, lines.join('\n'));
}

type Column = readonly [head: string, cell: (row: Row) => string | number];

function tableOf(rows: readonly Row[]): string {
  const first = rows[0]!;
  const some = (has: (row: Row) => unknown, ...columns: Column[]): readonly Column[] =>
    rows.some((row) => has(row) !== undefined) ? columns : [];
  const columns: readonly Column[] = [
    ['', ({ what }) => what],
    ['median', ({ timing }) => `${significant(timing.median)} ms`],
    ['best', ({ timing }) => `${significant(timing.best)} ms`],
    ['spread', ({ timing }) => `${(100 * timing.spread).toFixed(0)} %`],
    ['runs', ({ timing }) => timing.runs],
    ...Object.keys(first.work).map((unit): Column => [
      `${unit}/s`,
      ({ work, timing }) => significant((work[unit]! / timing.median) * 1000),
    ]),
    ...Object.keys(first.more ?? {}).map((name): Column => [name, ({ more }) => more?.[name] ?? '']),
    ...some(
      ({ share }) => share,
      ['of limit', ({ share }) => (share === undefined ? '' : `${(100 * share).toFixed(0)} %`)],
    ),
    ...some(
      ({ manner }) => manner,
      ['SIMD', ({ manner }) => manner?.simd ?? ''],
      ['threads', ({ manner }) => manner?.threads ?? ''],
    ),
    ...some(({ manner }) => manner?.settings, ['settings', ({ manner }) => manner?.settings ?? '']),
    ...some(
      ({ ratio }) => ratio,
      ['ours is faster', ({ ratio }) => (ratio === undefined ? '' : `${significant(ratio)} times`)],
    ),
  ];
  return table([columns.map(([head]) => head), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]);
}

function sayLimits({ simd, threads, ...rates }: Limits): string {
  const all = Object.entries(rates).map(([unit, rate]) => `${significant(rate)} ${unit}`);
  return `this machine, ${threads} thread${threads === 1 ? '' : 's'}, ${simd}: at most ${all.join(', ')}`;
}

/** Three digits that mean something. */
export function significant(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US', {
    maximumFractionDigits: 6,
    useGrouping: false,
  });
}
