import { SsError } from '@ss/core';

/** What a promise rejects with; it must be one coded error. */
export async function failureOf(promise: Promise<unknown>): Promise<SsError> {
  const reason: unknown = await promise.then(
    () => new Error('It was expected to fail.'),
    (error: unknown) => error,
  );
  if (!SsError.is(reason)) throw reason;
  return reason;
}
