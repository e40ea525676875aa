import { abortedError, SsError } from '@ss/core';
import { failure } from '../errors.ts';
import { allocate } from './limits.ts';
import { truncated } from './short-read.ts';

/** Statuses that say that there is no such file. */
export const missing: readonly number[] = [404, 410];

type Chunk = Uint8Array<ArrayBuffer>;

/** @throws SsError `source-unavailable`, `aborted` */
export function request(
  url: URL,
  signal: AbortSignal | undefined,
  init: { readonly headers?: Record<string, string>; readonly method?: 'HEAD' } = {},
): Promise<Response> {
  return coded(url, signal, () => fetch(url, { ...init, signal: signal ?? null }));
}

/** Ends an answer whose body is of no use. */
export async function discard(response: Response): Promise<void> {
  // What broke off already is as good as ended.
  await response.body?.cancel().catch(() => undefined);
}

/**
 * A body of `length` bytes; one that goes on is not read further.
 * @throws SsError `checkpoint-truncated`, `source-unavailable`, `out-of-memory`, `aborted`
 */
export async function exactBody(
  { url, name, offset }: { readonly url: URL; readonly name: string; readonly offset: number },
  response: Response,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = allocate(length, name);
  let at = 0;
  await forEachChunk(url, response, signal, (chunk) => {
    if (at + chunk.length > length)
      throw failure(
        'source-unavailable',
        `${shown(url)} sends more than the ${length} bytes it was asked for.`,
      );
    bytes.set(chunk, at);
    at += chunk.length;
  });
  if (at < length) throw truncated(name, offset + length, offset + at);
  return bytes;
}

/** Chunks that are put together before they become a part of a blob. */
const blobPartBytes = 16 * 2 ** 20;

/**
 * A whole body, which may have up to `limit` bytes.
 * @throws SsError `source-unavailable`, `aborted`
 */
export async function wholeBody(
  url: URL,
  response: Response,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const parts: Blob[] = [];
  let chunks: Chunk[] = [];
  let [pending, total] = [0, 0];
  const flush = (): void => {
    parts.push(new Blob(chunks));
    [chunks, pending] = [[], 0];
  };
  await forEachChunk(url, response, signal, (chunk) => {
    total += chunk.length;
    if (total > limit) throw endless(url, limit);
    chunks.push(chunk);
    if ((pending += chunk.length) >= blobPartBytes) flush();
  });
  flush();
  return new Blob(parts);
}

export function endless(url: URL, limit: number): SsError {
  return failure('source-unavailable', `${shown(url)} sends more than ${limit} bytes, which are not read.`, {
    hint: 'Look what the server sends; large files want a server that answers ranges, or says a Content-Length.',
    details: { limit },
  });
}

async function forEachChunk(
  url: URL,
  response: Response,
  signal: AbortSignal | undefined,
  visit: (chunk: Chunk) => void,
): Promise<void> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await coded(url, signal, () => reader.read());
      if (done) return;
      visit(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Gives what breaks off a code. */
async function coded<T>(url: URL, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (SsError.is(cause)) throw cause;
    if (signal?.aborted) throw abortedError(signal, `reading ${shown(url)}`);
    throw failure('source-unavailable', `${shown(url)} cannot be fetched: ${describe(cause)}.`, { cause });
  }
}

export function refused(url: URL, { status, statusText }: Response): SsError {
  return failure('source-unavailable', `${shown(url)} answers ${status} ${statusText}.`.replace(' .', '.'), {
    details: { status },
  });
}

/** An address for messages: without what lets somebody in. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function describe(cause: unknown): string {
  const inner: unknown = cause instanceof Error ? (cause.cause ?? cause) : cause;
  return inner instanceof Error ? inner.message : String(inner);
}
