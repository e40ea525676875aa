import { throwIfAborted } from '@ss/core';

/** Milliseconds of one thing that was run many times. */
export interface Timing {
  readonly median: number;
  readonly best: number;
  /** (third quartile - first quartile) / median: how much to trust the median */
  readonly spread: number;
  readonly runs: number;
}

export interface Budget {
  /** Rounds are made until this much time has gone by ... */
  readonly seconds: number;
  /** ... and at least so many were made. */
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
}

/** Something to time. What measures itself, because it runs elsewhere, answers its milliseconds. */
export type Run = () => void | number | Promise<void | number>;

/**
 * Times several things in turn, round by round, so that whatever else the machine does falls on all of them.
 * One round before is not counted.
 */
export async function measure(runs: readonly Run[], { seconds, rounds, signal }: Budget): Promise<Timing[]> {
  const times = runs.map((): number[] => []);
  const round = async (): Promise<void> => {
    for (const [i, run] of runs.entries()) {
      // Where calls run at once, promises alone would keep Ctrl-C waiting.
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(signal, 'timing');
      const started = performance.now();
      const own = await run();
      times[i]!.push(own ?? performance.now() - started);
    }
  };
  await round();
  for (const list of times) list.length = 0;
  const end = performance.now() + seconds * 1000;
  for (let done = 0; done < rounds || performance.now() < end; done++) await round();
  return times.map(summarize);
}

export function summarize(milliseconds: readonly number[]): Timing {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const quantile = (q: number): number => {
    const at = q * (sorted.length - 1);
    const low = sorted[Math.floor(at)]!;
    return low + (sorted[Math.ceil(at)]! - low) * (at % 1);
  };
  const median = quantile(0.5);
  return {
    median,
    best: sorted[0]!,
    spread: (quantile(0.75) - quantile(0.25)) / median,
    runs: sorted.length,
  };
}
