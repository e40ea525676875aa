import type { SourceFile } from './source.ts';

const windowBytes = 4 * 2 ** 20;

/** Reads small pieces that follow one another in one request: a checkpoint is mostly small tensors. */
export function readAhead(file: SourceFile): SourceFile {
  let start = 0;
  let window = new Uint8Array();
  return {
    name: file.name,
    size: file.size,
    async read(offset, length, signal) {
      if (length >= windowBytes || offset + length > file.size) return file.read(offset, length, signal);
      if (offset < start || offset + length > start + window.length) {
        window = (await file.read(
          offset,
          Math.min(windowBytes, file.size - offset),
          signal,
        )) as Uint8Array<ArrayBuffer>;
        start = offset;
      }
      return window.slice(offset - start, offset - start + length);
    },
  };
}
