import { SsError, throwIfAborted } from '@ss/core';
import { failure } from '../../errors.ts';
import { truncated } from '../short-read.ts';
import { digestOf } from './digest.ts';
import { sizeOf } from './disk.ts';
import type { Disk } from './disk.ts';

/** A file of a hub. */
export interface RemoteFile {
  readonly name: string;
  readonly size: number;
  /** Of the contents: SHA-256, or git's */
  readonly digest: string;
  readonly kind: 'sha256' | 'git';
}

export interface DownloadOptions {
  readonly signal: AbortSignal | undefined;
  /** The file from byte `start` on. */
  read(start: number): Promise<ReadableStream<Uint8Array>>;
  /** How many bytes are here. */
  told(bytes: number): void;
}

/** A connection that breaks is made anew this often, as long as each brings something. */
const mostConnections = 5;

/**
 * Downloads a file to `path`, where it appears only when it is whole and is what the hub says it is. What an
 * interrupted download has left is continued.
 * @throws SsError `source-corrupt`, `source-cache`, `checkpoint-truncated`, `aborted`; what `read` throws
 */
export async function download(
  disk: Disk,
  file: RemoteFile,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const { signal, told } = options;
  const partial = `${path}.incomplete`;
  let bytes = (await sizeOf(disk, partial)) ?? 0;
  if (bytes > 0) told(bytes);
  for (let connection = 1; bytes < file.size; connection++) {
    const before = bytes;
    const broken = await append(disk, file, partial, bytes, options);
    if (SsError.is(broken?.error, 'source-cache')) throw broken.error;
    bytes = (await sizeOf(disk, partial)) ?? 0;
    throwIfAborted(signal, `downloading ${file.name}`);
    if (bytes >= file.size || (bytes > before && connection < mostConnections)) continue;
    throw broken?.error ?? truncated(file.name, file.size, bytes);
  }
  if (file.size === 0) await (await disk.open(partial, 'a')).close();
  const digest = bytes === file.size && (await digestOf(disk, partial, bytes, file.kind, signal));
  if (digest !== file.digest) {
    await disk.rm(partial, { force: true });
    throw failure('source-corrupt', `What was downloaded as ${file.name} is not what the hub says it is.`, {
      hint: 'Load it again; it was deleted.',
      details: { file: file.name, wanted: file.digest, got: digest || `${bytes} bytes` },
    });
  }
  await disk.rename(partial, path);
}

/** @returns what broke it off, if anything did */
async function append(
  disk: Disk,
  file: RemoteFile,
  partial: string,
  start: number,
  { read, told }: DownloadOptions,
): Promise<{ readonly error: unknown } | undefined> {
  const to = await disk.open(partial, 'a');
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    reader = (await read(start)).getReader();
    // One that sends more than it should is stopped; the digest then says so.
    for (let bytes = start; bytes <= file.size;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      await to.appendFile(value);
      bytes += value.length;
      told(bytes);
    }
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    await reader?.cancel().catch(() => undefined);
    await to.close();
  }
}
