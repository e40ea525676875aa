import { abortedError, SsError } from '@ss/core';
import { failure } from '../../errors.ts';
import { openFolder } from '../folder.ts';
import type { OnWarning, Source } from '../source.ts';
import { loadClient } from './client.ts';
import type { HubClient, ListedFile } from './client.ts';
import { codedDisk } from './coded-disk.ts';
import type { Disk } from './disk.ts';
import { download } from './download.ts';
import type { RemoteFile } from './download.ts';
import { hubFetch } from './hub-fetch.ts';
import { defaultEndpoint } from './hub-options.ts';
import type { DownloadProgress, HubOptions } from './hub-options.ts';
import { RepositoryCache } from './repository-cache.ts';

interface Context {
  readonly signal: AbortSignal | undefined;
  readonly onDownload: (progress: DownloadProgress) => void;
  readonly onWarning: OnWarning;
}

const commitHash = /^[0-9a-f]{40}$/;
/** A list that goes on is no list of a model. */
const maxListed = 10_000;

/**
 * A model by its id. Files are downloaded when they are opened first, and then lie in the cache.
 * @throws SsError `source-hub`, `source-denied`, `source-unavailable`, `source-invalid`, `source-cache`, `aborted`
 */
export async function openHub(
  id: string,
  files: Disk,
  options: HubOptions,
  context: Context,
): Promise<Source> {
  const { revision = 'main', endpoint = defaultEndpoint, token, offline = false } = options;
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split('/').includes('..'))
    throw failure('source-invalid', `${JSON.stringify(revision)} is no revision.`);
  const client = await loadClient();
  const disk = codedDisk(files);
  const repo = { type: 'model', name: id } as const;
  const folder = `${options.cacheDir ?? client.getHFHubCachePath()}/${client.getRepoFolderName(repo)}`;
  const cache = new RepositoryCache(disk, folder);
  if (offline) return openCached(id, disk, cache, revision);

  const access = (signal: AbortSignal | undefined): Parameters<HubClient['modelInfo']>[0] => ({
    name: id,
    revision,
    additionalFields: ['sha'],
    hubUrl: endpoint.replace(/\/$/, ''),
    ...(token !== undefined && { accessToken: token }),
    fetch: hubFetch(endpoint, signal),
  });
  const { signal } = context;
  const { sha: commit } = await asking(id, endpoint, signal, () => client.modelInfo(access(signal)));
  if (!commitHash.test(commit)) throw failure('source-unavailable', `${endpoint} gives no commit of ${id}.`);
  const remote = await asking(id, endpoint, signal, async () => {
    const found = new Map<string, RemoteFile>();
    const listed = new Set<string>();
    for await (const entry of client.listFiles({ ...access(signal), repo, revision: commit })) {
      if (listed.has(entry.path))
        throw failure('source-unavailable', `${endpoint} lists ${entry.path} of ${id} twice.`);
      if (listed.add(entry.path).size > maxListed)
        throw failure('source-unavailable', `${endpoint} lists more than ${maxListed} files of ${id}.`);
      const file = remoteFile(entry);
      if (file) found.set(file.name, file);
    }
    return found;
  });
  const trouble: unknown = await cache.begin(revision, commit).then(
    () => undefined,
    (error: unknown) => error,
  );
  const here = await openFolder(cache.snapshot(commit), files).catch((error: unknown) => {
    throw trouble ?? error;
  });
  // What is there can be read where nothing can be written.
  if (SsError.is(trouble))
    context.onWarning({ code: 'cache-unavailable', message: trouble.message, details: trouble.details });
  return {
    label: id,
    list: async () => [...remote.keys()],
    async open(name, abort = signal) {
      const file = remote.get(name);
      if (file === undefined) return undefined;
      const read = async (start: number): Promise<ReadableStream<Uint8Array>> => {
        const request = { ...access(abort), repo, revision: commit, path: name, xet: false } as const;
        const blob = await asking(id, endpoint, abort, () => client.downloadFile(request));
        if (blob === null)
          throw failure('source-unavailable', `${endpoint} lists ${name} of ${id}, but does not have it.`);
        return blob.slice(start, blob.size).stream();
      };
      const told = (bytes: number): void =>
        context.onDownload({ file: name, bytes: Math.min(bytes, file.size), total: file.size });
      await asking(id, endpoint, abort, () =>
        cache.ensure(commit, file, abort, (path) =>
          download(disk, file, path, { signal: abort, read, told }),
        ),
      );
      return here.open(name, abort);
    },
    [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
  };
}

async function openCached(id: string, disk: Disk, cache: RepositoryCache, revision: string): Promise<Source> {
  const commit = commitHash.test(revision) ? revision : await cache.commitOf(revision);
  const missing = (cause?: unknown): SsError =>
    failure('source-unavailable', `${id} (${revision}) is not in the cache, and the hub is not asked.`, {
      hint: 'Load it once without offline.',
      cause,
    });
  if (commit === undefined) throw missing();
  const folder = await openFolder(cache.snapshot(commit), disk).catch((error: unknown) => {
    throw missing(error);
  });
  return { ...folder, label: id };
}

/** A file of the top folder; undefined for what is no file, or could not be one of the cache. */
function remoteFile({ type, path, size, oid, lfs }: ListedFile): RemoteFile | undefined {
  const digest = lfs?.oid ?? oid;
  const isFile = type === 'file' && /^[^/\\]+$/.test(path) && !path.startsWith('..');
  if (!isFile || digest === undefined || !/^[0-9a-f]{40,64}$/.test(digest)) return undefined;
  return { name: path, size: lfs?.size ?? size, digest, kind: lfs ? 'sha256' : 'git' };
}

/** Gives errors of the client and of the network a code. */
async function asking<T>(
  id: string,
  endpoint: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (signal?.aborted) throw abortedError(signal, `loading ${id}`);
    if (SsError.is(cause)) throw cause;
    const status = (cause as { readonly statusCode?: number } | undefined)?.statusCode;
    const details = { id, endpoint, ...(status !== undefined && { status }) };
    if (status === 401 || status === 403) {
      throw failure(
        'source-denied',
        `There is no folder ${id}, and ${endpoint} does not give the model (${status}): ${describe(cause)}`,
        {
          hint: 'Look at the name; or pass hub: { token } of somebody who may read it, after accepting its terms there.',
          cause,
          details,
        },
      );
    }
    throw failure('source-unavailable', `${id} cannot be had from ${endpoint}: ${describe(cause)}`, {
      hint:
        status === 404
          ? 'There is neither such a folder here nor such a model or revision there.'
          : 'Load it again, which goes on where this ended; or pass hub: { offline: true } if it is in the cache.',
      cause,
      details,
    });
  }
}

function describe(cause: unknown): string {
  const inner: unknown = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const text = inner instanceof Error ? inner.message : String(inner);
  return text.endsWith('.') ? text : `${text}.`;
}
