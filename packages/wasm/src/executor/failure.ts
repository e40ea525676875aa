import { FAILED, MESSAGE, STATUS } from './control.ts';
import { ListFailure } from './executor.ts';

/** What the control words say about the list that has just been run. */
export function failureOf(control: Int32Array): ListFailure | undefined {
  const failed = Atomics.load(control, FAILED);
  return failed === 0 ? undefined : new ListFailure(failed - 1, control[STATUS]!, messageOf(control));
}

export function messageOf(control: Int32Array): string {
  return String.fromCharCode(...control.subarray(MESSAGE + 1, MESSAGE + 1 + control[MESSAGE]!));
}
