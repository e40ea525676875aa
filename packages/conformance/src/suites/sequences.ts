import type { Call } from '../calls/call.ts';
import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { withElements } from '../calls/edit.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Suite } from '../case.ts';
import { combine, label, pairwise } from '../combinations.ts';
import type { Random } from '../random.ts';
import type { Tier } from '../report.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Named } from './named.ts';

/** Lengths of packed sequences, and rows of the pool that their states come from; the second of three is padding. */
const grid = {
  packed: [undefined, [9], [1, 4, 9], [3, 0, 7, 1], [64, 1, 65]],
  pool: [undefined, 5, 9],
  from: ['zero', 'initialState', 'state'],
  reverse: [false, true],
  dtype: ['f32', 'f16', 'bf16'],
} as const;
const updates = { pool: [3, 7], heads: [false, true], dtype: ['f32', 'f16', 'bf16'] } as const;

/** Sequences packed into one row, states in slots, padding. */
export const sequences: Suite = referenceSuite('sequences', {
  selectiveScan: (tier) => [...scans(tier), ...shared(scanFrom)],
  selectiveScanBackward: gradientsOf((tier) => [...differentiable(scans)(tier), ...shared(scanFrom)]),
  causalConv1d: (tier) => [...convolutions(tier), ...shared(convolutionFrom)],
  causalConv1dBackward: gradientsOf((tier) => [
    ...differentiable(convolutions)(tier),
    ...shared(convolutionFrom),
  ]),
  selectiveStateUpdate: () =>
    combine('full', updates).map(({ heads, ...row }) => [
      label({ heads, ...row }),
      (random) =>
        updateCall({ ...row, channels: heads ? [2, 3] : [6], batch: 3, D: true, softplus: true }, random),
    ]),
  causalConv1dUpdate: () =>
    combine('full', { pool: [3, 7], dtype: ['f32', 'f16', 'bf16'] } as const).map((row) => [
      label(row),
      (random) => convUpdateCall({ ...row, dim: 6, batch: 3, bias: true, silu: true }, random),
    ]),
});

function rows(tier: Tier): ReturnType<typeof combine<typeof grid>> {
  // Slots are rows of a state, and a pool must have one for every sequence.
  return combine(
    tier,
    grid,
    ({ pool, from, packed }) => pool === undefined || (from !== 'zero' && pool >= (packed?.length ?? 3)),
  );
}

function scans(tier: Tier): Named[] {
  return rows(tier).map((row) => [
    label(row),
    (random) =>
      scanCall(
        {
          ...defined(row),
          batch: 3,
          L: 9,
          dim: 6,
          N: 5,
          groups: 2,
          D: true,
          z: true,
          bias: true,
          softplus: true,
        },
        random,
      ),
  ]);
}

function convolutions(tier: Tier): Named[] {
  return rows(tier).map((row) => [
    label(row),
    (random) => convCall({ ...defined(row), batch: 3, L: 9, dim: 6, bias: true, silu: true }, random),
  ]);
}

type From = { readonly packed?: readonly number[]; readonly dtype: (typeof grid.dtype)[number] };
const everything = { batch: 4, L: 9, dim: 6, bias: true, from: 'initialState', pool: 3 } as const;

const scanFrom = (from: From, random: Random): Call =>
  scanCall({ ...everything, ...from, N: 5, groups: 2, D: true, z: true, softplus: true }, random);
const convolutionFrom = (from: From, random: Random): Call =>
  convCall({ ...everything, ...from, silu: true }, random);

/** Initial states are read, so several sequences may begin with the same; their gradients add up. */
function shared(make: (from: From, random: Random) => Call): Named[] {
  const packings = [undefined, [1, 4, 0, 9], [40, 1, 65, 33]] as const;
  const indices = { all: [0, 0, 0, 0], some: [2, 0, 2, -1], last: [2, 2, 1, 2] } as const;
  const named = Object.keys(indices) as (keyof typeof indices)[];
  return pairwise({ packed: packings, dtype: grid.dtype, shared: named }).map(({ shared, ...row }) => [
    label({ shared, ...row }),
    (random) => withElements(make(defined(row), random), 'stateIndices', (i) => indices[shared][i]),
  ]);
}

/** A pool whose rows several sequences would write has no gradient to speak of; states in place have none at all. */
function differentiable(forward: (tier: Tier) => Named[]): (tier: Tier) => Named[] {
  return (tier) => forward(tier).filter(([name]) => !name.includes('from=state'));
}

function defined<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as never;
}
