import { roundUp } from '../memory/pages.ts';
import type { Allocation, Page } from '../memory/pages.ts';
import type { Dispatch } from '../shader/kernel.ts';
import type { Lowered } from '../shader/lower.ts';
import type { Arg } from '../shader/operand.ts';
import { moves } from './elementwise.ts';

/** A dispatch in place of another, after copies. */
export interface Gathered {
  readonly copies: readonly Dispatch[];
  readonly dispatch: Dispatch;
}

/**
 * For a dispatch whose tensors lie in more pages than a kernel may see: some that it only reads are copied into one, which
 * large tensors need on devices with the fewest bindings.
 * @returns undefined if that is not enough
 */
export function gather(
  given: Dispatch,
  { bindings }: Lowered,
  mostBindings: number,
  alloc: (byteLength: number) => Allocation,
): Gathered | undefined {
  const pages = bindings
    .filter(({ written }) => !written)
    .map(({ page }) => memoriesOn(page, given))
    .sort((a, b) => bytesOf(a) - bytesOf(b))
    .slice(0, bindings.length - mostBindings + 1);
  if (pages.length <= bindings.length - mostBindings) return undefined;
  const memories = pages.flat();
  const { page, address } = alloc(bytesOf(memories));
  const copied = new Map<Allocation, Allocation>();
  let at = address;
  for (const from of memories) {
    copied.set(from, { page, address: at, byteLength: from.byteLength });
    at += roundUp(from.byteLength);
  }
  const words = (buffer: Allocation): Arg => ({
    dtype: 'u32',
    buffer,
    shape: [Math.ceil(buffer.byteLength / 4)],
    strides: [1],
    offset: 0,
  });
  return {
    copies: [...copied].flatMap(([from, to]) => moves(words(from), words(to))),
    dispatch: {
      ...given,
      operands: Object.fromEntries(
        Object.entries(given.operands).map(([name, operand]) => [
          name,
          operand && { ...operand, memory: copied.get(operand.memory) ?? operand.memory },
        ]),
      ),
    },
  };
}

function memoriesOn(page: Page, { operands }: Dispatch): Allocation[] {
  const all = Object.values(operands).flatMap((operand) => (operand ? [operand.memory] : []));
  return [...new Set(all)].filter((memory) => memory.page === page);
}

function bytesOf(memories: readonly Allocation[]): number {
  return memories.reduce((sum, { byteLength }) => sum + roundUp(byteLength), 0);
}
