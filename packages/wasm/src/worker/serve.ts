import { AWAITED } from '../executor/command-list.ts';
import {
  changesWithin,
  COMPLETED,
  ENQUEUED,
  FAILED,
  POSTED,
  QUEUE,
  queueLength,
  queueWords,
  STATUS,
  waitWhile,
} from '../executor/control.ts';
import { lead } from '../executor/team.ts';
import type { Place } from '../executor/team.ts';

/** The caller hears of progress at least this often, to refill the queue. */
const mostUntold = queueLength / 4;
/** How long a list that nobody waits for is kept quiet: a read of its results usually follows at once. */
const quietMilliseconds = 0.02;

/**
 * The coordinator's life: runs the queue's lists one after the other and leaves what became of each in the
 * queue. A message costs more than a small list, so the caller gets one when somebody waits or nothing more
 * comes, and no second one before it has looked.
 */
export function serve(place: Place, tell: () => void): never {
  const { control } = place;
  const report = (): void => {
    if (Atomics.exchange(control, POSTED, 1) === 0) tell();
  };
  let untold = 0;
  for (let taken = 0; ;) {
    if (untold > 0 && !changesWithin(quietMilliseconds, control, ENQUEUED, taken)) {
      report();
      untold = 0;
    }
    waitWhile(control, ENQUEUED, taken);
    taken = (taken + 1) | 0;
    const at = QUEUE + ((taken >>> 0) % queueLength) * queueWords;
    const list = control[at]! >>> 0;
    lead(place, list);
    const awaited = place.words[list / 4 + AWAITED] !== 0;
    control[at + 1] = Atomics.load(control, FAILED);
    control[at + 2] = Atomics.load(control, STATUS);
    Atomics.add(control, COMPLETED, 1);
    if (!awaited && ++untold < mostUntold) continue;
    report();
    untold = 0;
  }
}
