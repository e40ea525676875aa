import { failure } from '../errors.ts';
import { openBlobs } from './blobs.ts';
import type { CacheStorageLike } from './cached-file.ts';
import { openFolder } from './folder.ts';
import type { Disk } from './hub/disk.ts';
import { hubId } from './hub/hub-options.ts';
import type { DownloadProgress, HubOptions } from './hub/hub-options.ts';
import { openHub } from './hub/open-hub.ts';
import { nodeFiles, pathOf } from './node.ts';
import type { OnWarning, Source } from './source.ts';
import { openUrl } from './url.ts';

/**
 * A folder's path, the id of a model on a hub, the URL of a folder, or the files themselves: with their names, such as
 * the `FileList` of a chosen folder, or under them.
 */
export type ModelSource = string | URL | Iterable<Blob> | Readonly<Record<string, Blob>>;

export interface SourceOptions {
  /** Where and how ids such as `state-spaces/mamba-130m-hf` are looked up. A folder of that path comes first. */
  readonly hub?: HubOptions | undefined;
  /**
   * Keeps files that come from a URL: `true` in the browser's `caches`, where there are, or in storage of that kind.
   * Default: nothing is kept.
   */
  readonly cache?: boolean | CacheStorageLike | undefined;
}

interface OpenOptions extends SourceOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  readonly onWarning?: OnWarning | undefined;
}

/** @throws SsError `source-invalid`, `source-unavailable`, `source-hub`, `source-denied`, `aborted` */
export async function openSource(source: ModelSource, options: OpenOptions = {}): Promise<Source> {
  if (typeof source === 'string') return openText(source, options);
  if (source instanceof URL) return openAddress(source, options);
  if (typeof source === 'object' && source !== null) {
    // Iterated once: what is iterable need not be so twice.
    const files = Symbol.iterator in source ? [...source] : source;
    if (areBlobs(Object.values(files))) return openBlobs(files);
  }
  throw failure('source-invalid', 'A model source is a folder path, a URL or a list of files.', {
    details: { got: typeof source },
  });
}

async function openText(text: string, options: OpenOptions): Promise<Source> {
  if (/^(https?|file|blob|data):/.test(text)) return openAddress(new URL(text), options);
  const files = nodeFiles();
  if (files === undefined) return openHttp(relativeToPage(text), options);
  try {
    return await openFolder(text, files);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
    if (code !== 'ENOENT' || !hubId.test(text) || text.startsWith('.')) throw error;
    const { hub = {}, signal, onDownload = () => undefined, onWarning = () => undefined } = options;
    return openHub(text, files as Disk, hub, { signal, onDownload, onWarning });
  }
}

async function openAddress(url: URL, options: OpenOptions): Promise<Source> {
  if (url.protocol === 'http:' || url.protocol === 'https:') return openHttp(url, options);
  const files = nodeFiles();
  const path = url.protocol === 'file:' && files ? pathOf(url) : undefined;
  if (files && path !== undefined) return openFolder(path, files);
  throw failure('source-invalid', `A ${url.protocol} URL cannot be a folder of files here.`, {
    details: { url: url.href },
  });
}

function openHttp(url: URL, { cache, onDownload, onWarning }: OpenOptions): Source {
  if (url.username !== '' || url.password !== '')
    throw failure(
      'source-invalid',
      `A URL with a user or a password in it cannot be fetched (${url.host}).`,
      {
        hint: 'Download the files with a program that logs in, and pass their folder.',
      },
    );
  const { caches } = globalThis as { caches?: CacheStorageLike };
  const storage = cache === true ? caches : cache || undefined;
  return openUrl(url, { storage, onDownload, onWarning });
}

function relativeToPage(text: string): URL {
  const { location } = globalThis as { location?: { href: string } };
  try {
    return new URL(text, location?.href);
  } catch (cause) {
    throw failure('source-invalid', `${text} is neither a URL nor relative to this page.`, { cause });
  }
}

function areBlobs(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every((value) => value instanceof Blob);
}
