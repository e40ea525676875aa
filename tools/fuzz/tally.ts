import { parseArgs } from 'node:util';
import { SsError } from '@ss/core';

export function readFuzzOptions(defaultCount: string): { backend: string; count: number; firstSeed: number } {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'reference' },
      count: { type: 'string', default: defaultCount },
      seed: { type: 'string', default: '1' },
    },
  });
  return { backend: values.backend, count: Number(values.count), firstSeed: Number(values.seed) };
}

/** Counts how tries end; what does not end as it should is a finding. */
export class Tally {
  readonly #what: { fuzzer: string; backend: string; count: number; seed: number };
  readonly #outcomes = new Map<string, number>();
  readonly #findings: string[] = [];
  #tries = 0;

  constructor(fuzzer: string, backend: string, count: number, seed: number) {
    this.#what = { fuzzer, backend, count, seed };
  }

  /** False after ten findings. */
  get open(): boolean {
    return this.#findings.length < 10;
  }

  async run(label: string, body: () => Promise<void>): Promise<void> {
    this.#tries++;
    if (process.stderr.isTTY && this.#tries % 1000 === 0)
      process.stderr.write(`\r${this.#tries} / ${this.#what.count}`);
    try {
      await body();
      this.#count('success');
    } catch (error) {
      if (SsError.is(error)) this.#count(error.code);
      else this.#findings.push(`${label}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** Memory that is still held: everything after it would be blamed too, so it ends the run. */
  leak(message: string): void {
    for (let i = 0; i < 10; i++) this.#findings.push(message);
  }

  report(): void {
    const findings = [...new Set(this.#findings)];
    const outcomes = Object.fromEntries([...this.#outcomes].toSorted());
    console.log(
      JSON.stringify({ ...this.#what, tries: this.#tries, outcomes, findings: findings.length }, null, 2),
    );
    for (const finding of findings) console.log(finding);
    process.exitCode = findings.length === 0 ? 0 : 1;
  }

  #count(outcome: string): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }
}
