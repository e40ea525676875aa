import type { DeviceInfo, OpName } from '@ss/core';

export type Tier = 'quick' | 'full';

export type CaseStatus = 'passed' | 'failed' | 'skipped';

/** What became of one case. */
export interface CaseResult {
  /** `suite/op/parameters`, such as `golden/selectiveScan/scan-000` */
  readonly id: string;
  readonly op: OpName;
  readonly status: CaseStatus;
  /** why it failed or was skipped */
  readonly reason?: string;
  readonly milliseconds: number;
}

/** Cases skipped for one reason. */
export interface SkippedCases {
  readonly op: OpName;
  readonly reason: string;
  readonly cases: number;
  /** the id of the first of them */
  readonly first: string;
}

export interface OpCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The result of a run, as JSON. */
export interface ConformanceReport extends OpCounts {
  readonly backend: string;
  readonly device: DeviceInfo;
  readonly tier: Tier;
  readonly ops: Readonly<Partial<Record<OpName, OpCounts>>>;
  readonly failures: readonly { readonly id: string; readonly op: OpName; readonly reason: string }[];
  readonly skips: readonly SkippedCases[];
  readonly milliseconds: number;
}

/** Adds results up. */
export class Tally {
  readonly #ops = new Map<OpName, { passed: number; failed: number; skipped: number }>();
  readonly #failures: ConformanceReport['failures'][number][] = [];
  readonly #skips = new Map<string, { op: OpName; reason: string; cases: number; first: string }>();

  add({ id, op, status, reason = '' }: CaseResult): void {
    const counts = this.#ops.get(op) ?? { passed: 0, failed: 0, skipped: 0 };
    this.#ops.set(op, counts);
    counts[status]++;
    if (status === 'failed') this.#failures.push({ id, op, reason });
    if (status !== 'skipped') return;
    const skip = this.#skips.get(`${op} ${reason}`);
    if (skip) skip.cases++;
    else this.#skips.set(`${op} ${reason}`, { op, reason, cases: 1, first: id });
  }

  report(facts: Pick<ConformanceReport, 'backend' | 'device' | 'tier' | 'milliseconds'>): ConformanceReport {
    const total = (status: CaseStatus): number =>
      [...this.#ops.values()].reduce((sum, counts) => sum + counts[status], 0);
    return {
      ...facts,
      passed: total('passed'),
      failed: total('failed'),
      skipped: total('skipped'),
      ops: Object.fromEntries(this.#ops),
      failures: this.#failures,
      skips: [...this.#skips.values()],
    };
  }
}

/** The report for people: counts per op, every failure, one line per reason to skip, a closing line. */
export function formatReport(report: ConformanceReport): string {
  const { backend, device, tier, ops, failures, skips } = report;
  const facts = Object.entries(device.facts).map(([name, value]) =>
    value === true ? name : `${name} ${value}`,
  );
  const rows = [
    ['op', 'passed', 'failed', 'skipped'],
    ...Object.entries(ops).map(([op, { passed, failed, skipped }]) => [
      op,
      ...[passed, failed, skipped].map(String),
    ]),
  ];
  const seconds = (report.milliseconds / 1000).toFixed(1);
  return [
    `Conformance of ${backend} (${[device.name, ...facts].join(', ')}), tier ${tier}`,
    '',
    ...rows.map(([op, ...counts]) => op!.padEnd(22) + counts.map((count) => count.padStart(9)).join('')),
    ...(failures.length > 0 ? ['', 'Failed'] : []),
    ...failures.map(({ id, reason }) => `  ${id}\n    ${reason}`),
    ...(skips.length > 0 ? ['', 'Skipped'] : []),
    ...skips.map(({ op, reason, cases }) => `  ${cases} of ${op}: ${reason}`),
    '',
    `${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped in ${seconds} s`,
  ].join('\n');
}
