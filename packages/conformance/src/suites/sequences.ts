import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Suite } from '../case.ts';
import { combine, label } from '../combinations.ts';
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
  selectiveScan: scans,
  selectiveScanBackward: gradientsOf(differentiable(scans)),
  causalConv1d: convolutions,
  causalConv1dBackward: gradientsOf(differentiable(convolutions)),
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

/** A pool whose rows several sequences would write has no gradient to speak of; states in place have none at all. */
function differentiable(forward: (tier: Tier) => Named[]): (tier: Tier) => Named[] {
  return (tier) => forward(tier).filter(([name]) => !name.includes('from=state'));
}

function defined<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as never;
}
