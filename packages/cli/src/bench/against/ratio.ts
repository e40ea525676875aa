import type { Row } from '../report.ts';
import type { Manner } from './peer.ts';

/** A timed row of a comparison. */
export interface Side {
  readonly row: Row;
  readonly manner: Manner;
  /** What one run does of what the machine limits, in the limit's unit; undefined where that says nothing. */
  readonly amount?: number | undefined;
  /** The row of ours that does the same work; undefined for ours. */
  readonly ours?: Row | undefined;
}

/**
 * The rows with instruction set and threads, the share of the machine's limit (per second), and how many times as
 * fast as each peer ours is.
 */
export function withRatios(sides: readonly Side[], limit: number | undefined): Row[] {
  return sides.map(({ row, manner, amount, ours }) => ({
    ...row,
    manner,
    ...(limit !== undefined &&
      amount !== undefined && { share: ((amount / row.timing.median) * 1000) / limit }),
    ...(ours && { ratio: row.timing.median / ours.timing.median }),
  }));
}
