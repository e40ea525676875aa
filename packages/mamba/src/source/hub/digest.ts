import { throwIfAborted } from '@ss/core';
import { builtin } from '../node.ts';
import type { Disk } from './disk.ts';

interface Hash {
  update(data: string | Uint8Array): Hash;
  digest(encoding: 'hex'): string;
}

const pieceBytes = 4 * 2 ** 20;

/** How a hub names the contents of a file: by SHA-256, or by SHA-1 as git does, with the size before them. */
export async function digestOf(
  disk: Disk,
  path: string,
  size: number,
  kind: 'sha256' | 'git',
  signal: AbortSignal | undefined,
): Promise<string> {
  const { createHash } = builtin<{ createHash(name: string): Hash }>('node:crypto')!;
  const hash = kind === 'git' ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256');
  const file = await disk.open(path, 'r');
  try {
    const piece = new Uint8Array(Math.min(size, pieceBytes));
    for (let at = 0; at < size;) {
      throwIfAborted(signal, 'checking a download');
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}
