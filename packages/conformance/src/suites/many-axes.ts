import { withLayout } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { addCall, copyCall, unaryCall } from '../calls/elementwise.ts';
import type { Suite } from '../case.ts';
import type { LayoutName } from '../layouts.ts';
import type { Random } from '../random.ts';
import { referenceSuite } from './named.ts';
import type { Named } from './named.ts';

const most = 12;
/** For ops whose rows may have any axes: fewer than any kernel walks, as many, and more. */
const some = [1, 4, 6, 7, 9, most];

/**
 * Views of up to twelve axes that do not merge into fewer, with axes of extent 1 between them, and none. Kernels walk a few
 * axes; what has more is worked on in pieces, or refused before anything runs.
 */
export const manyAxes: Suite = referenceSuite('many-axes', {
  copy: () => [
    ...upTo(most, 'move', 'turned', (shape, random) => copyCall({ from: 'f32', to: 'f32', shape }, random)),
    ...upTo(most, 'cast', 'turned', (shape, random) => copyCall({ from: 'f32', to: 'bf16', shape }, random)),
    ...upTo(most, 'into state', 'turned', (shape, random) =>
      copyCall({ from: 'bf16', to: 'bf16', shape, inPlace: true }, random),
    ),
    ...upTo(most, 'reversed', 'reversed', (shape, random) =>
      copyCall({ from: 'i64', to: 'i64', shape }, random),
    ),
  ],
  add: () => [
    ...upTo(most, 'both', 'turned', (shape, random) => addCall('f32', shape, random)),
    ...upTo(most, 'one', 'turned', (shape, random) => addCall('f16', shape, random), ['b']),
  ],
  silu: () => upTo(most, 'x', 'turned', (shape, random) => unaryCall('silu', 'f32', shape, random)),
  linear: () => rows((rows, random) => linearCall({ rows, K: 5, M: 3, residual: true }, random)),
  rmsNorm: () => rows((rows, random) => normCall({ rows, K: 6, weight: true, gate: true }, random)),
  embedding: () => rows((ids, random) => embeddingCall({ ids, K: 3 }, random)),
});

type Make = (shape: readonly number[], random: Random) => Call;

function upTo(
  count: number,
  name: string,
  layout: LayoutName,
  make: Make,
  only?: readonly string[],
): Named[] {
  return Array.from({ length: count }, (_, i) => named(i + 1, name, layout, make, only));
}

function rows(make: Make): Named[] {
  return some.map((axes) => named(axes, 'rows', 'turned', make));
}

function named(axes: number, name: string, layout: LayoutName, make: Make, only?: readonly string[]): Named {
  return [`${name},axes=${axes}`, (random) => withLayout(make(shapeOf(axes), random), layout, only)];
}

/** Every fourth axis from the third on is 1, of an odd number of axes. */
function shapeOf(axes: number): readonly number[] {
  return Array.from({ length: axes }, (_, i) => (i === 1 ? 3 : axes % 2 === 1 && i % 4 === 2 ? 1 : 2));
}
