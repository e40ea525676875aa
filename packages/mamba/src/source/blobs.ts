import { failure } from '../errors.ts';
import { changed } from './changed.ts';
import { allocate } from './limits.ts';
import { modelFolder } from './model-folder.ts';
import { truncated } from './short-read.ts';
import type { Source, SourceFile } from './source.ts';

/** Browsers do not give more of a file at once than fits one of their buffers. */
const maxPartBytes = 2 ** 28;

/** Files by name, or by their path in a chosen folder: of those, the ones where the weights are. */
export function openBlobs(given: readonly Blob[] | Readonly<Record<string, Blob>>): Source {
  const blobs = modelFolder(
    Array.isArray(given) ? withPaths(given) : Object.entries(given as Record<string, Blob>),
  );
  return {
    label: `${blobs.size} files`,
    open: async (name) => {
      const blob = blobs.get(name);
      return blob && blobFile(name, blob);
    },
    list: async () => [...blobs.keys()],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

export function blobFile(name: string, blob: Blob): SourceFile {
  const { size } = blob;
  return {
    name,
    size,
    async read(offset, length) {
      if (length <= maxPartBytes) return part(name, blob, offset, length);
      const bytes = allocate(length, name);
      for (let at = 0; at < length; at += maxPartBytes)
        bytes.set(await part(name, blob, offset + at, Math.min(maxPartBytes, length - at)), at);
      return bytes;
    },
  };
}

async function part(name: string, blob: Blob, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await blob
    .slice(offset, offset + length)
    .arrayBuffer()
    .catch((cause: unknown) => {
      // A chosen file may be changed or removed behind the page's back.
      if ((cause as { name?: unknown }).name === 'NotReadableError')
        throw changed(name, 'its file was changed or removed, or may not be read', cause);
      throw failure('source-unavailable', `${name} cannot be read: ${String(cause)}.`, { cause });
    });
  if (bytes.byteLength !== length) throw truncated(name, offset + length, offset + bytes.byteLength);
  return new Uint8Array(bytes);
}

/** Files of a chosen folder have a path in it. */
function withPaths(blobs: readonly Blob[]): [string, Blob][] {
  return blobs.map((blob, index) => {
    const { name, webkitRelativePath } = blob as { name?: unknown; webkitRelativePath?: unknown };
    const path = webkitRelativePath || name;
    if (typeof path !== 'string' || path === '') {
      throw failure('source-invalid', `Item ${index} of the list of files has no name.`, {
        hint: "Pass File objects, or an object such as { 'model.safetensors': blob }.",
      });
    }
    return [path, blob];
  });
}
