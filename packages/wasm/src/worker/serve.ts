import { COMPLETED, ENQUEUED, FAILED, POSTED, QUEUE, queueLength, queueWords, STATUS, waitWhile } from '../executor/control.ts';
import { lead } from '../executor/team.ts';
import type { Place } from '../executor/team.ts';

/**
 * The coordinator's life: runs the queue's lists one after the other and leaves what became of each in the
 * queue. The caller gets one message however many lists have run since it last looked.
 */
export function serve(place: Place, tell: () => void): never {
  const { control } = place;
  for (let taken = 0; ; taken = (taken + 1) | 0) {
    waitWhile(control, ENQUEUED, taken);
    const at = QUEUE + (((taken + 1) >>> 0) % queueLength) * queueWords;
    lead(place, control[at]! >>> 0);
    control[at + 1] = Atomics.load(control, FAILED);
    control[at + 2] = Atomics.load(control, STATUS);
    Atomics.add(control, COMPLETED, 1);
    if (Atomics.exchange(control, POSTED, 1) === 0) tell();
  }
}
