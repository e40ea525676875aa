import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Suite } from '../case.ts';
import { combine, label } from '../combinations.ts';
import type { Tier } from '../report.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Grids, Named } from './named.ts';

const flag = [false, true] as const;
const dtype = ['f32', 'f16', 'bf16'] as const;

/** state-spaces/mamba, tests/ops/test_selective_scan.py, with everything that is commented out there. */
const scanGrid = {
  L: [8, 16, 32, 64, 128, 256, 372, 512, 784, 1024, 1134, 2048, 4096],
  dtype,
  D: flag,
  z: flag,
  bias: flag,
  softplus: flag,
  varB: [true, false],
  varC: [true, false],
  groups: [1, 2],
} as const;

/** tests/ops/triton/test_selective_state_update.py; the second list has heads of 64 channels. */
const updateGrid = { dtype, z: flag, N: [16, 32, 64], dim: [2048, 2064, 4096] } as const;
const headGrid = {
  dtype,
  z: flag,
  N: [16, 32, 64],
  dim: [2048, 4096],
  groups: [1, 2, 4],
  tied: flag,
} as const;
/** the same file: a batch of 16 out of 160 states, with fewer channels, for a pool is large */
const poolGrid = { dtype, z: flag, N: [16, 32, 64], dim: [64, 264] } as const;
const pool = { quick: 40, full: 160 };

/** Dao-AILab/causal-conv1d, tests/test_causal_conv1d.py. */
const convGrid = {
  L: [1, 2, 8, 16, 32, 64, 128, 129, 130, 151, 256, 372, 512, 784, 1024, 1134, 2048, 4096],
  dtype,
  W: [2, 3, 4],
  bias: flag,
  silu: flag,
  from: ['zero', 'initialState'],
  dim: [64, 4128],
} as const;
const convUpdateGrid = { dtype, W: [2, 3, 4], bias: flag, silu: flag, dim: [2048, 2064, 4096] } as const;

/** More elements than this make one case take seconds on the reference. */
const convElements = { quick: 2 ** 17, full: 2 ** 19 };
const quickLength = 512;

const grids: Grids = {
  selectiveScan: scans,
  selectiveScanBackward: gradientsOf(scans),
  causalConv1d: convolutions,
  causalConv1dBackward: gradientsOf(convolutions),
  causalConv1dUpdate: (tier) =>
    combine(tier, convUpdateGrid).map((row) => [
      label(row),
      (random) => convUpdateCall({ ...row, batch: tier === 'quick' ? 4 : 64 }, random),
    ]),
  selectiveStateUpdate: updates,
};

/** The grids that the official packages test their kernels with, against the reference in float64. */
export const officialGrid: Suite = referenceSuite('grid', grids);

function scans(tier: Tier): Named[] {
  const rows = combine(tier, scanGrid, ({ L, groups, varB, varC }) => {
    // Constant B and C have no groups.
    const grouped = groups === 1 || (varB && varC);
    return grouped && (tier === 'full' || L <= quickLength);
  });
  return rows.map((row) => [label(row), (random) => scanCall({ ...row, batch: 2, dim: 4, N: 8 }, random)]);
}

function convolutions(tier: Tier): Named[] {
  const rows = combine(
    tier,
    convGrid,
    ({ L, dim }) => L * dim <= convElements[tier] && (tier === 'full' || L <= quickLength),
  );
  return rows.map((row) => [label(row), (random) => convCall({ ...row, batch: 2 }, random)]);
}

function updates(tier: Tier): Named[] {
  const dt = { bias: true, softplus: true, D: true, batch: 2 };
  return [
    ...combine(tier, updateGrid).map(({ dim, ...row }): Named => [
      label({ dim, ...row }),
      (random) => updateCall({ ...dt, ...row, channels: [dim] }, random),
    ]),
    ...combine(tier, headGrid).map(({ dim, ...row }): Named => [
      label({ heads: dim / 64, ...row }),
      (random) => updateCall({ ...dt, ...row, channels: [dim / 64, 64] }, random),
    ]),
    ...combine(tier, poolGrid).map(({ dim, ...row }): Named => [
      label({ pool: pool[tier], dim, ...row }),
      (random) => updateCall({ ...dt, ...row, channels: [dim], batch: 16, pool: pool[tier] }, random),
    ]),
  ];
}
