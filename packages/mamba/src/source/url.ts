import { failure } from '../errors.ts';
import { blobFile } from './blobs.ts';
import { cachedFile } from './cached-file.ts';
import type { CacheStorageLike } from './cached-file.ts';
import { body, missing, refused, request } from './http.ts';
import type { DownloadProgress } from './hub/hub-options.ts';
import { readAhead } from './read-ahead.ts';
import { truncated } from './short-read.ts';
import type { Source, SourceFile } from './source.ts';

const partialContent = 206;
/** Of the cache in the storage. */
const cacheName = '@ss/mamba';

interface UrlOptions {
  /** Keeps whole files; without it they are read by ranges. */
  readonly storage?: CacheStorageLike | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

/** Files under a URL, by HTTP ranges; a server without ranges sends each file once, whole. */
export function openUrl(base: URL, { storage, onDownload = () => undefined }: UrlOptions = {}): Source {
  // Files are looked up inside the base, whether or not it was written with a slash at its end.
  const folder = new URL(base);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return {
    label: base.href,
    async open(name, signal) {
      const url = fileUrl(folder, name);
      const uncached = (): Promise<SourceFile | undefined> => openRemote(url, name, signal);
      // A page may be forbidden to keep anything.
      const cache = await storage?.open(cacheName).catch(() => undefined);
      return cache ? cachedFile(cache, url, name, { signal, onDownload, uncached }) : uncached();
    },
    list: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function fileUrl(folder: URL, name: string): URL {
  const url = new URL(folder);
  url.pathname += encodeURIComponent(name);
  return url;
}

async function openRemote(
  url: URL,
  name: string,
  signal: AbortSignal | undefined,
): Promise<SourceFile | undefined> {
  const response = await request(url, signal, { headers: { range: 'bytes=0-0' } });
  if (missing.includes(response.status)) return void (await response.body?.cancel());
  const whole = response.status === partialContent ? wholeSize(response) : undefined;
  if (whole === undefined && response.status === partialContent) {
    throw failure('source-unavailable', `${url.href} answers a range without saying how long the file is.`);
  }
  // An empty file has no first byte, which servers answer with 416.
  if (response.status === 416) return blobFile(name, new Blob([]));
  if (!response.ok) throw refused(url, response);
  if (whole === undefined) return blobFile(name, await body(url, signal, () => response.blob()));
  await response.body?.cancel();
  return readAhead({
    name,
    size: whole,
    async read(offset, length, abort) {
      if (length === 0) return new Uint8Array();
      const part = await request(url, abort, {
        headers: { range: `bytes=${offset}-${offset + length - 1}` },
      });
      if (part.status !== partialContent) throw refused(url, part);
      const bytes = await body(url, abort, () => part.arrayBuffer());
      if (bytes.byteLength !== length) throw truncated(name, offset + length, offset + bytes.byteLength);
      return new Uint8Array(bytes);
    },
  });
}

/** The number after the slash of `Content-Range: bytes 0-0/1234`. */
function wholeSize(response: Response): number | undefined {
  const size = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}
