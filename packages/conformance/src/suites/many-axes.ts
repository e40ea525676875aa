import { withLayout } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { addCall, copyCall, unaryCall } from '../calls/elementwise.ts';
import type { Suite } from '../case.ts';
import type { LayoutName } from '../layouts.ts';
import type { Random } from '../random.ts';
import type { Tier } from '../report.ts';
import { referenceSuite } from './named.ts';
import type { Named } from './named.ts';

const most = 12;
/** Fewer than any kernel walks, about as many, and more. */
const some = [1, 3, 6, 7, 8, 9, most];

/**
 * Views of up to twelve axes that do not merge into fewer, with axes of extent 1 between them, and none. Kernels walk a few
 * axes; what has more is worked on in pieces, or refused before anything runs.
 */
export const manyAxes: Suite = referenceSuite('many-axes', {
  copy: (tier) => [
    ...views(tier, 'move', 'turned', (shape, random) => copyCall({ from: 'f32', to: 'f32', shape }, random)),
    ...views(tier, 'cast', 'turned', (shape, random) => copyCall({ from: 'f32', to: 'bf16', shape }, random)),
    ...views(tier, 'into state', 'turned', (shape, random) =>
      copyCall({ from: 'bf16', to: 'bf16', shape, inPlace: true }, random),
    ),
    ...views(tier, 'reversed', 'reversed', (shape, random) =>
      copyCall({ from: 'i64', to: 'i64', shape }, random),
    ),
  ],
  add: (tier) => [
    ...views(tier, 'both', 'turned', (shape, random) => addCall('f32', shape, random)),
    ...views(tier, 'one', 'turned', (shape, random) => addCall('f16', shape, random), ['b']),
  ],
  silu: (tier) => views(tier, 'x', 'turned', (shape, random) => unaryCall('silu', 'f32', shape, random)),
  linear: () => rows((rows, random) => linearCall({ rows, K: 5, M: 3, residual: true }, random)),
  rmsNorm: () => rows((rows, random) => normCall({ rows, K: 6, weight: true, gate: true }, random)),
  embedding: () => rows((ids, random) => embeddingCall({ ids, K: 3 }, random)),
});

type Make = (shape: readonly number[], random: Random) => Call;

function views(tier: Tier, name: string, layout: LayoutName, make: Make, only?: readonly string[]): Named[] {
  const all = Array.from({ length: most }, (_, i) => i + 1);
  return (tier === 'quick' ? some : all).map((axes) => named(axes, name, layout, make, only));
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
