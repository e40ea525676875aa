import type { Allocation } from '../memory/pages.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel } from '../shader/kernel.ts';

/** word = word and not mask, or bits. */
const patchKernel: Kernel = {
  name: 'patch',
  lanes: 1,
  params: ['word', 'mask', 'bits'],
  stores: { x: 'words' },
  code: () => `
fn run(group: u32, lane: u32) { x_put(P.word, (x_word(P.word) & ~P.mask) | P.bits); }`,
};

/** Writes bytes that lie in one word, and leaves the rest of it. */
export function patch(memory: Allocation, byteOffset: number, bytes: Uint8Array): Dispatch {
  const shift = (byteOffset % 4) * 8;
  let bits = 0;
  for (const [i, byte] of bytes.entries()) bits += byte * 2 ** (8 * i);
  const mask = 2 ** (8 * bytes.byteLength) - 1;
  return dispatch(patchKernel, {
    spec: {},
    operands: { x: { dtype: 'u32', memory, offset: 0, strides: [] } },
    params: { word: Math.floor(byteOffset / 4), mask: mask * 2 ** shift, bits: bits * 2 ** shift },
    groups: 1,
  });
}
