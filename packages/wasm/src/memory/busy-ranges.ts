interface Range {
  readonly start: number;
  readonly end: number;
  /** The newest submission that may touch it. */
  readonly submission: number;
}

/** Freed addresses that submissions on their way still use. The device may have them again at once, the host not. */
export class BusyRanges {
  readonly #hasRun: (submission: number) => boolean;
  #ranges: Range[] = [];

  constructor(hasRun: (submission: number) => boolean) {
    this.#hasRun = hasRun;
  }

  add(start: number, byteLength: number, submission: number): void {
    if (!this.#hasRun(submission)) this.#ranges.push({ start, end: start + byteLength, submission });
  }

  /** The newest submission that may touch any of these bytes; 0 when none does. */
  lastUse(start: number, byteLength: number): number {
    if (this.#ranges.length === 0) return 0;
    this.#ranges = this.#ranges.filter(({ submission }) => !this.#hasRun(submission));
    const overlapping = this.#ranges.filter((range) => range.start < start + byteLength && start < range.end);
    return overlapping.reduce((newest, { submission }) => Math.max(newest, submission), 0);
  }
}
