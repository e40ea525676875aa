import { failure } from '../errors.ts';
import { isPage, lengthOf, limitOf, rangeOf } from './answer.ts';
import { blobFile } from './blobs.ts';
import { cachedFile } from './cached-file.ts';
import type { CacheStorageLike } from './cached-file.ts';
import { changed } from './changed.ts';
import { discard, exactBody, missing, refused, request, shown, wholeBody } from './http.ts';
import type { DownloadProgress } from './hub/hub-options.ts';
import { readAhead } from './read-ahead.ts';
import type { OnWarning, Source, SourceFile } from './source.ts';
import { differsIn, ifSameVersion } from './version.ts';

const partialContent = 206;
const rangeNotSatisfiable = 416;
/** Of the cache in the storage. */
const cacheName = '@ss/mamba';

interface UrlOptions {
  /** Keeps whole files; without it they are read by ranges. */
  readonly storage?: CacheStorageLike | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Files under a URL, by HTTP ranges; a server without ranges sends each file once, whole. A page in place of a file
 * is no file: many servers answer so for every name there is not.
 */
export function openUrl(base: URL, options: UrlOptions = {}): Source {
  const { storage, onDownload = () => undefined, onWarning = () => undefined } = options;
  // Files are looked up inside the base, whether or not it was written with a slash at its end.
  const folder = new URL(base);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const pages: string[] = [];
  const onPage = (name: string): void => void pages.push(name);
  return {
    label: shown(base),
    async open(name, signal) {
      const url = fileUrl(folder, name);
      const uncached = (): Promise<SourceFile | undefined> => openRemote(url, name, onPage, signal);
      // A page may be forbidden to keep anything.
      const cache = await storage?.open(cacheName).catch(() => undefined);
      if (cache === undefined) return uncached();
      return cachedFile(cache, url, name, { signal, onDownload, onPage, onWarning, uncached });
    },
    list: async () => undefined,
    remark: () =>
      pages.length === 0
        ? undefined
        : `The server answers with an HTML page in place of ${pages.join(', ')}; if they are there, the address or the permission to read them is not right.`,
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
  onPage: (name: string) => void,
  signal: AbortSignal | undefined,
): Promise<SourceFile | undefined> {
  const first = await request(url, signal, { headers: { range: 'bytes=0-0' } });
  const isMissing = missing.includes(first.status);
  if (isMissing || isPage(first)) {
    await discard(first);
    if (!isMissing) onPage(name);
    return undefined;
  }
  // An empty file has no first byte, which servers answer with 416.
  if (first.status === rangeNotSatisfiable && (rangeOf(first)?.total ?? 0) === 0) {
    await discard(first);
    return blobFile(name, new Blob([]));
  }
  if (first.status !== partialContent) return wholeFile(url, name, first, signal);
  await discard(first);
  const size = rangeOf(first)?.total ?? (await sizeByWholeRange(url, signal));
  // Nobody says how long it is: then it is read as if there were no ranges.
  if (size === undefined) return wholeFile(url, name, await request(url, signal), signal);
  return rangedFile(url, name, size, first.headers);
}

async function wholeFile(
  url: URL,
  name: string,
  response: Response,
  signal: AbortSignal | undefined,
): Promise<SourceFile> {
  if (!response.ok || response.status === partialContent) {
    await discard(response);
    throw refused(url, response);
  }
  return blobFile(name, await wholeBody(url, response, limitOf(name, response), signal));
}

function rangedFile(url: URL, name: string, size: number, opened: Headers): SourceFile {
  return readAhead({
    name,
    size,
    async read(offset, length, signal) {
      if (length === 0) return new Uint8Array();
      const last = offset + length - 1;
      const part = await request(url, signal, {
        headers: { range: `bytes=${offset}-${last}`, ...ifSameVersion(url, opened) },
      });
      const error = wrongPart(part, { url, name, size, opened, offset, last });
      if (error) {
        await discard(part);
        throw error;
      }
      return exactBody({ url, name, offset }, part, length, signal);
    },
  });
}

interface Wanted {
  readonly url: URL;
  readonly name: string;
  readonly size: number;
  /** Headers of the first answer. */
  readonly opened: Headers;
  readonly offset: number;
  readonly last: number;
}

/** Why an answer is not the part of the file that was asked for. */
function wrongPart(answer: Response, { url, name, size, opened, offset, last }: Wanted): Error | undefined {
  const header = answer.ok ? differsIn(opened, answer.headers) : undefined;
  if (header !== undefined) return changed(name, `its ${header} is another one`);
  if (answer.status === rangeNotSatisfiable) return changed(name, `it has no byte ${offset} any more`);
  if (answer.status !== partialContent) return refused(url, answer);
  const range = rangeOf(answer);
  if (range === undefined) return undefined;
  if (range.total !== undefined && range.total !== size)
    return changed(name, `it had ${size} bytes, and now has ${range.total}`);
  // A shorter part is told by what is missing.
  if (range.first === offset && range.last <= last) return undefined;
  return failure(
    'source-unavailable',
    `${shown(url)} answers bytes ${range.first} to ${range.last} where ${offset} to ${last} were asked for.`,
  );
}

/**
 * The length of a file by the length of an answer that is all of it as one range; a page may see that one from
 * another origin, and no `Content-Range` unless the server allows it.
 */
async function sizeByWholeRange(url: URL, signal: AbortSignal | undefined): Promise<number | undefined> {
  const response = await request(url, signal, { headers: { range: 'bytes=0-' } });
  await discard(response);
  return response.status === partialContent ? lengthOf(response) : undefined;
}
