import { abortedError, SsError } from '@ss/core';
import { isPage, limitOf } from './answer.ts';
import { blobFile } from './blobs.ts';
import { discard, endless, missing, refused, request, shown } from './http.ts';
import type { DownloadProgress } from './hub/hub-options.ts';
import type { OnWarning, SourceFile } from './source.ts';
import { differsIn } from './version.ts';

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
  /** Told the name of a file in whose place there is a page. */
  readonly onPage: (name: string) => void;
  readonly onWarning: OnWarning;
  /** The file without a cache. */
  uncached(): Promise<SourceFile | undefined>;
}

/** By which a server tells versions of a file apart. */
const version = ['etag', 'last-modified', 'content-length'] as const;

/** Of what is kept where there was a page in place of a file. */
const pageHeader = 'x-ss-absent';

/**
 * A file that is fetched whole and kept, or that there is none; when it is asked for again, the server only says
 * whether that changed, and need not be there. Without room for it, or with a cache that fails, the file is read as if
 * there were no cache.
 */
export async function cachedFile(
  cache: CacheLike,
  url: URL,
  name: string,
  context: Context,
): Promise<SourceFile | undefined> {
  const { signal, uncached, onPage, onWarning } = context;
  const without = (cause: unknown): Promise<SourceFile | undefined> => {
    const message = `${name} is read without the cache, which fails: ${String(cause)}.`;
    onWarning({ code: 'cache-unavailable', message, details: { file: name } });
    return uncached();
  };
  const fromCache = async (): Promise<SourceFile | 'missing' | undefined> => {
    const kept = await cache.match(url.href);
    if (kept === undefined || !(await isCurrent(url, kept, signal))) return undefined;
    if (kept.headers.has(pageHeader)) onPage(name);
    return missing.includes(kept.status) ? 'missing' : wholeFile(name, kept);
  };
  let kept: SourceFile | 'missing' | undefined;
  try {
    kept = await fromCache();
  } catch (error) {
    if (SsError.is(error)) throw error;
    return without(error);
  }
  if (kept) return kept === 'missing' ? undefined : kept;
  const response = await request(url, signal);
  if (isAbsent(response)) {
    await discard(response);
    const headers = isPage(response) ? { [pageHeader]: 'page' } : {};
    if (isPage(response)) onPage(name);
    // To know it without the server, too.
    await cache.put(url.href, new Response(null, { status: missing[0]!, headers })).catch(() => undefined);
    return undefined;
  }
  if (!response.ok) {
    await discard(response);
    throw refused(url, response);
  }
  const { toKeep, stopped } = watched(url, name, response, context.onDownload);
  try {
    await cache.put(url.href, toKeep);
    const stored = await cache.match(url.href);
    return (stored && (await wholeFile(name, stored))) ?? uncached();
  } catch (error) {
    await discard(toKeep);
    if (signal?.aborted) throw abortedError(signal, `reading ${shown(url)}`);
    const stop = stopped();
    if (stop) throw stop.cause;
    // Full, or broken off.
    return without(error);
  }
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
  if (isAbsent(now) || isAbsent(kept)) return isAbsent(now) && isAbsent(kept);
  // A server that does not answer HEAD says nothing about the file.
  if (!now.ok) return true;
  return differsIn(kept.headers, now.headers, version) === undefined;
}

/** Whether an answer says that there is no such file. */
function isAbsent(response: Response): boolean {
  return missing.includes(response.status) || isPage(response);
}

/** undefined when the cache has only a part of it. */
async function wholeFile(name: string, kept: Response): Promise<SourceFile | undefined> {
  const length = kept.headers.get('content-length');
  const blob = await kept.blob();
  return length === null || Number(length) === blob.size ? blobFile(name, blob) : undefined;
}

/**
 * The response to keep: its bytes are counted on their way, and only the headers that matter stay. `stopped` has what
 * ended it early on this side: more bytes than may be kept, or what was thrown by who is told of them.
 */
function watched(
  url: URL,
  name: string,
  response: Response,
  onDownload: (progress: DownloadProgress) => void,
): { readonly toKeep: Response; stopped(): { readonly cause: unknown } | undefined } {
  const headers = new Headers();
  for (const header of version) {
    const value = response.headers.get(header);
    if (value !== null) headers.set(header, value);
  }
  // The length of what was sent, where that is compressed.
  if (response.headers.has('content-encoding')) headers.delete('content-length');
  const length = Number(headers.get('content-length') ?? 0);
  const limit = limitOf(name, response);
  let bytes = 0;
  let stop: { readonly cause: unknown } | undefined;
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      bytes += chunk.length;
      try {
        if (bytes > limit) throw endless(url, limit);
        onDownload({ file: name, bytes, total: Math.max(bytes, length) });
      } catch (cause) {
        stop = { cause };
        throw cause;
      }
      controller.enqueue(chunk);
    },
  });
  const toKeep = new Response(response.body?.pipeThrough(counter) ?? null, { headers });
  return { toKeep, stopped: () => stop };
}
