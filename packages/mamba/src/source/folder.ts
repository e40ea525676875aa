import { failure } from '../errors.ts';
import { truncated } from './short-read.ts';
import type { NodeFileHandle, NodeFiles } from './node.ts';
import type { Source, SourceFile } from './source.ts';

/** @throws SsError `source-unavailable` when `path` is not a folder */
export async function openFolder(path: string, files: NodeFiles): Promise<Source> {
  const isFolder = await files.stat(path).then(
    (stat) => stat.isDirectory(),
    (cause: unknown) => {
      throw failure('source-unavailable', `The folder ${path} cannot be opened: ${reason(cause)}.`, {
        cause,
        details: { path },
      });
    },
  );
  if (!isFolder)
    throw failure('source-unavailable', `${path} is a file.`, {
      hint: 'Pass the folder that holds it.',
      details: { path },
    });

  const handles: NodeFileHandle[] = [];
  return {
    label: path,
    async open(name) {
      const at = `${path.replace(/[/\\]$/, '')}/${name}`;
      const handle = await files.open(at, 'r').catch((cause: unknown) => {
        if ((cause as { code?: unknown }).code === 'ENOENT') return undefined;
        throw failure('source-unavailable', `${at} cannot be opened: ${reason(cause)}.`, {
          cause,
          details: { path: at },
        });
      });
      if (handle === undefined) return undefined;
      handles.push(handle);
      return folderFile(name, handle, (await handle.stat()).size);
    },
    list: () => files.readdir(path),
    async [Symbol.asyncDispose]() {
      for (const handle of handles.splice(0)) await handle.close();
    },
  };
}

function folderFile(name: string, handle: NodeFileHandle, size: number): SourceFile {
  return {
    name,
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const { bytesRead } = await handle
          .read(bytes, at, length - at, offset + at)
          .catch((cause: unknown) => {
            throw failure('source-unavailable', `${name} cannot be read: ${reason(cause)}.`, { cause });
          });
        if (bytesRead === 0) throw truncated(name, offset + length, offset + at);
        at += bytesRead;
      }
      return bytes;
    },
  };
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
