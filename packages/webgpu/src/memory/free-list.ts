/** Addresses of one stretch of memory: first fit, neighbours merge when they are given back. */
export class FreeList {
  /** Free ranges by address. */
  readonly #ranges: { start: number; end: number }[];
  readonly #byteLength: number;

  constructor(byteLength: number) {
    this.#byteLength = byteLength;
    this.#ranges = [{ start: 0, end: byteLength }];
  }

  /** Whether nothing is taken. */
  get empty(): boolean {
    return this.#ranges[0]?.end === this.#byteLength && this.#ranges[0].start === 0;
  }

  /** @returns the address of `byteLength` free bytes, or undefined when there is no such hole */
  take(byteLength: number): number | undefined {
    const index = this.#ranges.findIndex(({ start, end }) => end - start >= byteLength);
    const range = this.#ranges[index];
    if (range === undefined) return undefined;
    const { start } = range;
    range.start += byteLength;
    if (range.start === range.end) this.#ranges.splice(index, 1);
    return start;
  }

  /** Gives back what `take` returned, with the same length. */
  give(start: number, byteLength: number): void {
    const end = start + byteLength;
    let index = this.#ranges.findIndex((range) => range.start >= end);
    if (index < 0) index = this.#ranges.length;
    const [before, after] = [this.#ranges[index - 1], this.#ranges[index]];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#ranges.splice(index, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.#ranges.splice(index, 0, { start, end });
  }
}
