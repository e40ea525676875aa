import { abortedError, SsError } from '@ss/core';
import { blobFile } from './blobs.ts';
import { missing, refused, request } from './http.ts';
import type { DownloadProgress } from './hub/hub-options.ts';
import type { SourceFile } from './source.ts';

/** The part of a browser's `Cache` that is used. */
export interface CacheLike {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/** The part of a browser's `caches` that is used. */
export interface CacheStorageLike {
  open(name: string): Promise<CacheLike>;
}

interface Context {
  readonly signal: AbortSignal | undefined;
  readonly onDownload: (progress: DownloadProgress) => void;
  /** The file without a cache. */
  uncached(): Promise<SourceFile | undefined>;
}

/** By which a server tells versions of a file apart. */
const version = ['etag', 'last-modified', 'content-length'] as const;

/**
 * A file that is fetched whole and kept, or that there is none; when it is asked for again, the server only says
 * whether that changed, and need not be there. Without room for it the file is read as if there were no cache.
 */
export async function cachedFile(
  cache: CacheLike,
  url: URL,
  name: string,
  context: Context,
): Promise<SourceFile | undefined> {
  const { signal, uncached } = context;
  const kept = await cache.match(url.href);
  if (kept && (await isCurrent(url, kept, signal))) {
    if (missing.includes(kept.status)) return undefined;
    const file = await wholeFile(name, kept);
    if (file) return file;
  }
  const response = await request(url, signal);
  if (missing.includes(response.status)) {
    await response.body?.cancel();
    // To know it without the server, too.
    await cache.put(url.href, new Response(null, { status: response.status })).catch(() => undefined);
    return undefined;
  }
  if (!response.ok) throw refused(url, response);
  try {
    await cache.put(url.href, watched(name, response, context.onDownload));
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal, `reading ${url.href}`);
    // Full, broken off, or thrown by who is told of the progress, which is no matter of the cache.
    if (error instanceof Told) throw error.cause;
    return uncached();
  }
  const stored = await cache.match(url.href);
  return (stored && (await wholeFile(name, stored))) ?? uncached();
}

/** Also when the server cannot be asked. */
async function isCurrent(url: URL, kept: Response, signal: AbortSignal | undefined): Promise<boolean> {
  let now: Response;
  try {
    now = await request(url, signal, { method: 'HEAD' });
  } catch (error) {
    if (SsError.is(error, 'aborted')) throw error;
    return true;
  }
  if (missing.includes(now.status)) return missing.includes(kept.status);
  if (missing.includes(kept.status)) return false;
  // A server that does not answer HEAD says nothing about the file.
  if (!now.ok) return true;
  return version.every((header) => {
    const [before, after] = [kept.headers.get(header), now.headers.get(header)];
    return before === null || after === null || before === after;
  });
}

/** undefined when the cache has only a part of it. */
async function wholeFile(name: string, kept: Response): Promise<SourceFile | undefined> {
  const length = kept.headers.get('content-length');
  const blob = await kept.blob();
  return length === null || Number(length) === blob.size ? blobFile(name, blob) : undefined;
}

class Told extends Error {}

/** The response to keep: its bytes are counted on their way, and only the headers that matter stay. */
function watched(
  name: string,
  response: Response,
  onDownload: (progress: DownloadProgress) => void,
): Response {
  const headers = new Headers();
  for (const header of version) {
    const value = response.headers.get(header);
    if (value !== null) headers.set(header, value);
  }
  // The length of what was sent, where that is compressed.
  if (response.headers.has('content-encoding')) headers.delete('content-length');
  const length = Number(headers.get('content-length') ?? 0);
  let bytes = 0;
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      bytes += chunk.length;
      try {
        onDownload({ file: name, bytes, total: Math.max(bytes, length) });
      } catch (cause) {
        throw new Told('', { cause });
      }
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body?.pipeThrough(counter) ?? null, { headers });
}
