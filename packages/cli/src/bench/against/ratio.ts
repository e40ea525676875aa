import type { Row } from '../report.ts';
import type { Limits, Manner } from './peer.ts';

/** A timed row of a comparison. */
export interface Side {
  readonly row: Row;
  readonly manner: Manner;
  /** What one run does of what the machine limits, in the limit's unit; undefined where that says nothing. */
  readonly amount?: number | undefined;
  /** The row of ours that does the same work; undefined for ours. */
  readonly ours?: Row | undefined;
}

type Unit = Exclude<keyof Limits, 'simd' | 'threads'>;

/**
 * The rows with instruction set and threads, the share of the machine's limit where that was measured with as many
 * threads, and how many times as fast as each peer ours is.
 */
export function withRatios(sides: readonly Side[], limits: Limits | undefined, unit: Unit): Row[] {
  return sides.map(({ row, manner, amount, ours }) => {
    const shared = amount !== undefined && limits?.threads === manner.threads;
    return {
      ...row,
      manner,
      ...(shared && { share: ((amount / row.timing.median) * 1000) / limits[unit] }),
      ...(ours && { ratio: row.timing.median / ours.timing.median }),
    };
  });
}
