import { AWAITED } from '../executor/command-list.ts';
import {
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

/**
 * The coordinator's life: runs the queue's lists one after the other and leaves what became of each in the
 * queue. A message costs more than a small list, so the caller gets one when the queue is empty or somebody
 * waits, and no second one before it has looked.
 */
export function serve(place: Place, tell: () => void): never {
  const { control } = place;
  for (let taken = 0; ;) {
    waitWhile(control, ENQUEUED, taken);
    taken = (taken + 1) | 0;
    const at = QUEUE + ((taken >>> 0) % queueLength) * queueWords;
    const list = control[at]! >>> 0;
    lead(place, list);
    const awaited = place.words[list / 4 + AWAITED] !== 0;
    control[at + 1] = Atomics.load(control, FAILED);
    control[at + 2] = Atomics.load(control, STATUS);
    Atomics.add(control, COMPLETED, 1);
    const due = awaited || Atomics.load(control, ENQUEUED) === taken || taken % mostUntold === 0;
    if (due && Atomics.exchange(control, POSTED, 1) === 0) tell();
  }
}
