import type { OpCall } from '@ss/core';
import { logitsArgs, SORT_WORDS } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp, stride } from './argument.ts';
import type { Bound, KernelOp, Work } from './kernel-op.ts';
import { unsupported } from './refusal.ts';

const index = ['i32'] as const;
const dtypes = {
  '*': ['f32', 'f16', 'bf16'],
  targets: index,
  recentIds: index,
  ids: index,
} as const;

export const crossEntropy: KernelOp = logitsOp('crossEntropy', ({ V }) => padded(V), 'targets');
export const argmax: KernelOp = logitsOp('argmax', ({ vocabulary }) => padded(vocabulary));
export const sample: KernelOp = logitsOp(
  'sample',
  ({ vocabulary }) => 2 * padded(vocabulary) + SORT_WORDS + 4 * vocabulary,
  'recentIds',
);

interface Extents {
  readonly R: number;
  readonly V: number;
  /** Ids below which are real ones. */
  readonly vocabulary: number;
}

/**
 * An op that walks rows of logits.
 * @param words its scratch, as `assembly/logits.ts` lays it out
 * @param ids the argument that the kernel finds ids outside the vocabulary in
 */
function logitsOp(kernel: string, words: (extents: Extents) => number, ids?: string): KernelOp {
  return {
    assess(call, { threads }) {
      const refused = unsupported(call, dtypes);
      if (refused) return refused;
      const { R, V } = extents(call);
      return {
        ok: true,
        numerics: 'bitwise',
        scratchBytes: threads * roundUp(4 * words(extents(call))),
        cost: { flops: 10 * R * V, bytes: 0 },
      };
    },

    works(call) {
      const { R, V } = extents(call);
      const work: Work<typeof logitsArgs> = {
        kernel,
        layout: logitsArgs,
        units: R,
        scratchBytes: roundUp(4 * words(extents(call))),
        cost: 10 * R * V,
        fault: (status) => `row ${status - 1} of ${ids} holds an id of ${V} or more`,
        values: valuesOf(call),
      };
      return [work];
    },
  };
}

function extents({ sizes, options }: OpCall): Extents {
  const { R, V } = sizes as { R: number; V: number };
  return { R, V, vocabulary: (options['vocabulary'] as number | undefined) ?? V };
}

function valuesOf(call: Bound): Work<typeof logitsArgs>['values'] {
  const { inputs, outputs, options } = call;
  const { V, vocabulary } = extents(call);
  const { recentIds } = inputs;
  // A loss has none of them.
  const number = (name: string): number => (options[name] as number | undefined) ?? 0;
  const output = (name: string): number => (outputs[name] ? addressOf(outputs[name]) : 0);
  return {
    V,
    vocabulary,
    dtype: code(inputs['logits']!.dtype),
    ...fields(inputs['logits'], ['logits', 'logits'], { R: 0, V: 1 }),
    ...fields(inputs['targets'], ['targets', 'targets'], { R: 0 }),
    loss: output('loss'),
    ids: output('ids'),
    logProbs: output('logProbs'),
    ...fields(inputs['uniform'], ['uniform', 'uniform'], { R: 0 }),
    H: recentIds?.shape[1] ?? 0,
    recentIds: recentIds ? addressOf(recentIds) : 0,
    recentR: recentIds ? stride(recentIds, 0) : 0,
    recentH: recentIds ? stride(recentIds, 1) : 0,
    topK: number('topK'),
    ...double('temperature', number('temperature')),
    ...double('topP', number('topP')),
    ...double('minP', number('minP')),
    ...double('repetitionPenalty', number('repetitionPenalty')),
  };
}

/** An f64 as two words, the low one first. */
function double<Name extends string>(
  name: Name,
  value: number,
): { readonly [Word in `${Name}${0 | 1}`]: number } {
  const [low, high] = new Int32Array(Float64Array.of(value).buffer);
  return { [`${name}0`]: low, [`${name}1`]: high } as { readonly [Word in `${Name}${0 | 1}`]: number };
}

/** Elements of a row that fill whole vectors. */
function padded(count: number): number {
  return roundUp(count, 4);
}
