import { SsError, throwIfAborted } from '@ss/core';
import { failure } from '../errors.ts';
import { changed } from './changed.ts';
import { allocate } from './limits.ts';
import { truncated } from './short-read.ts';
import type { NodeFileHandle, NodeFiles, NodeFileStat } from './node.ts';
import type { Source, SourceFile } from './source.ts';

/** Node reads less than 2 GiB at once; between parts the reading can be stopped. */
const maxPartBytes = 2 ** 28;

/** @throws SsError `source-unavailable` when `path` is not a folder */
export async function openFolder(path: string, files: NodeFiles): Promise<Source> {
  const isFolder = await asking(`The folder ${path} cannot be opened`, path, async () =>
    (await files.stat(path)).isDirectory(),
  );
  if (!isFolder)
    throw failure('source-unavailable', `${path} is a file.`, {
      hint: 'Pass the folder that holds it.',
      details: { path },
    });

  const handles: NodeFileHandle[] = [];
  return {
    label: path,
    open(name) {
      const at = `${path.replace(/[/\\]$/, '')}/${name}`;
      return asking(`${at} cannot be opened`, at, async () => {
        try {
          // To open a pipe would wait for somebody who writes to it.
          if (!(await files.stat(at)).isFile()) throw new Error('it is not a file');
          const handle = await files.open(at, 'r');
          handles.push(handle);
          return folderFile(name, handle, await handle.stat());
        } catch (error) {
          if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
          throw error;
        }
      });
    },
    list: () => asking(`The folder ${path} cannot be listed`, path, () => files.readdir(path)),
    async [Symbol.asyncDispose]() {
      // Nothing was written, so nothing is lost by a file that cannot be closed.
      for (const handle of handles.splice(0)) await handle.close().catch(() => undefined);
    },
  };
}

/** The handle stays with the file that was opened, whatever gets its name; that nobody writes to it is looked after. */
function folderFile(name: string, handle: NodeFileHandle, opened: NodeFileStat): SourceFile {
  return {
    name,
    size: opened.size,
    read: (offset, length, signal) =>
      asking(`${name} cannot be read`, undefined, async () => {
        const bytes = allocate(length, name);
        let at = 0;
        while (at < length) {
          throwIfAborted(signal, `reading ${name}`);
          const part = Math.min(length - at, maxPartBytes);
          const { bytesRead } = await handle.read(bytes, at, part, offset + at);
          if (bytesRead === 0) break;
          at += bytesRead;
        }
        const now = await handle.stat();
        if (now.size >= opened.size && at < length) throw truncated(name, offset + length, offset + at);
        if (now.size !== opened.size)
          throw changed(name, `it had ${opened.size} bytes, and now has ${now.size}`);
        if (now.mtimeMs !== opened.mtimeMs) throw changed(name, 'it was written to');
        return bytes;
      }),
  };
}

/** Gives errors of the system a code. */
async function asking<T>(what: string, path: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (SsError.is(cause)) throw cause;
    const details = path === undefined ? {} : { path };
    throw failure('source-unavailable', `${what}: ${reason(cause)}.`, { cause, details });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
