import { MESSAGE, STATUS, FAILED, TRAPPED } from './control.ts';
import { ListFailure } from './executor.ts';

/** What the control words say about the list that was run last on this thread. */
export function lastFailure(control: Int32Array): ListFailure | undefined {
  return failure(control, Atomics.load(control, FAILED), Atomics.load(control, STATUS));
}

/** @param failed 1 + index of the failed command; 0 is success */
export function failure(control: Int32Array, failed: number, status: number): ListFailure | undefined {
  if (failed === 0) return undefined;
  const message = control.subarray(MESSAGE + 1, MESSAGE + 1 + control[MESSAGE]!);
  return new ListFailure(failed - 1, status, status === TRAPPED ? String.fromCharCode(...message) : '');
}
