import type { Result } from '../bench.ts';
import { mainDType } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { assertClose, assertSame } from '../compare.ts';
import type { Values } from '../values.ts';

/**
 * Two ways to the same numbers: the same bits where every plan promised them, the op's tolerance elsewhere.
 * @throws Error saying which output differs
 */
export function assertAgreement(
  call: Call,
  results: readonly Result[],
  name: string,
  actual: Values,
  expected: Values,
): void {
  if (results.every(({ plan }) => plan.numerics === 'bitwise')) assertSame(name, actual, expected.data);
  else assertClose(results[0]!.call, mainDType(call), name, actual, expected.data);
}

/** Every output of two calls. */
export function assertAgree(call: Call, one: Result, other: Result): void {
  for (const [name, expected] of Object.entries(one.outputs)) {
    assertAgreement(call, [one, other], name, other.outputs[name]!, expected);
  }
}

type Given = Pick<Result, 'outputs'>;

/** @throws Error when two runs of one call give different bits */
export function assertSameBits(one: Given, other: Given): void {
  for (const [name, expected] of Object.entries(one.outputs)) {
    assertSame(name, other.outputs[name]!, expected.data);
  }
}
