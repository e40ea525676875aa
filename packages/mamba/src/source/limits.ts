import { SsError } from '@ss/core';

/** The largest tokenizers have half of it. */
const maxJsonBytes = 64 * 2 ** 20;

/** Bytes that a file of this name is read up to: what describes a model is small, weights are not. */
export function maxBytesOf(name: string): number | undefined {
  return name.endsWith('.json') ? maxJsonBytes : undefined;
}

/** @throws SsError `out-of-memory` in place of JavaScript's own error */
export function allocate(bytes: number, what: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new SsError('out-of-memory', `${bytes} bytes for ${what} could not be allocated.`, {
      hint: 'Load it on a machine with more memory, or a smaller model.',
      cause,
    });
  }
}
