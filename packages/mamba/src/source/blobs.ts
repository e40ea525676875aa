import { failure } from '../errors.ts';
import { truncated } from './short-read.ts';
import type { Source, SourceFile } from './source.ts';

/** Files by name. A `File` of a chosen folder is known by its own name, without the folder's. */
export function openBlobs(given: readonly Blob[] | Readonly<Record<string, Blob>>): Source {
  const blobs = new Map(Array.isArray(given) ? named(given) : Object.entries(given as Record<string, Blob>));
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
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      const bytes = await blob
        .slice(offset, offset + length)
        .arrayBuffer()
        .catch((cause: unknown) => {
          // A chosen file may be changed or removed behind the page's back.
          throw failure('source-unavailable', `${name} cannot be read: ${String(cause)}.`, { cause });
        });
      if (bytes.byteLength !== length) throw truncated(name, offset + length, offset + bytes.byteLength);
      return new Uint8Array(bytes);
    },
  };
}

function named(blobs: readonly Blob[]): [string, Blob][] {
  return blobs.map((blob, index) => {
    const { name } = blob as { readonly name?: unknown };
    if (typeof name !== 'string' || name === '') {
      throw failure('source-invalid', `Item ${index} of the list of files has no name.`, {
        hint: "Pass File objects, or an object such as { 'model.safetensors': blob }.",
      });
    }
    return [name.slice(name.lastIndexOf('/') + 1), blob];
  });
}
