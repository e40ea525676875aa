import { abortedError } from '@ss/core';
import type { SsError } from '@ss/core';
import { failure } from '../errors.ts';

/** Statuses that say that there is no such file. */
export const missing: readonly number[] = [404, 410];

/** @throws SsError `source-unavailable`, `aborted` */
export function request(
  url: URL,
  signal: AbortSignal | undefined,
  init: { readonly headers?: Record<string, string>; readonly method?: 'HEAD' } = {},
): Promise<Response> {
  return body(url, signal, () => fetch(url, { ...init, signal: signal ?? null }));
}

/** Gives what breaks off a code. */
export async function body<T>(url: URL, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (signal?.aborted) throw abortedError(signal, `reading ${url.href}`);
    throw failure('source-unavailable', `${url.href} cannot be fetched: ${describe(cause)}.`, { cause });
  }
}

export function refused(url: URL, { status, statusText }: Response): SsError {
  return failure('source-unavailable', `${url.href} answers ${status} ${statusText}.`.replace(' .', '.'), {
    details: { status },
  });
}

function describe(cause: unknown): string {
  const inner: unknown = cause instanceof Error ? (cause.cause ?? cause) : cause;
  return inner instanceof Error ? inner.message : String(inner);
}
