import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { withElement, withElements } from '../calls/edit.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Suite } from '../case.ts';
import { combine, label, pairwise } from '../combinations.ts';
import type { Tier } from '../report.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Named } from './named.ts';

const flag = [false, true] as const;
const dtype = ['f32', 'f16', 'bf16'] as const;

/** Steps on both sides of where a chunk, a vector or a tile may end; sizes that are no power of two. */
const oddScans = {
  L: [1, 2, 3, 5, 63, 65, 129, 257],
  dim: [1, 3, 5, 7, 9, 17, 31, 33],
  N: [1, 3, 5, 7, 15, 16, 17, 33],
  batch: [1, 3],
  dtype,
  data: ['initial', 'trained'],
  from: ['zero', 'initialState', 'state'],
  softplus: flag,
  reverse: flag,
} as const;

const oddConvolutions = {
  L: [1, 2, 3, 5, 9, 64, 65, 130],
  dim: [1, 3, 5, 7, 9, 17, 33],
  W: [1, 2, 3, 4, 5, 9, 16],
  dtype,
  weight: dtype,
  bias: flag,
  silu: flag,
  from: ['zero', 'initialState', 'state'],
  reverse: flag,
} as const;

const oddUpdates = {
  dim: [1, 3, 5, 7, 9, 17, 33],
  N: [1, 3, 5, 7, 15, 17, 33, 100],
  dtype,
  D: flag,
  z: flag,
  bias: flag,
  softplus: flag,
} as const;

/** Time steps whose softplus or exponential leaves the range of f32, between ordinary ones. */
const steps = [-100, 100, -1000, 0, 88, -88, 20, -20, 0.01, 1];
const tiny = 1e-41;
const usual = { batch: 2, L: 9, dim: 5, N: 3, D: true } as const;

/** Cases that official grids leave out: where kernels that pass those still break. */
export const extremesOfSequences: Suite = referenceSuite('extremes', {
  selectiveScan: scans,
  selectiveScanBackward: gradientsOf((tier) => [
    ...initialisations(tier),
    ...largeSteps(),
    ...oddSizes(tier).slice(0, 40),
  ]),
  selectiveStateUpdate: (tier) => [
    ...combine(tier, oddUpdates).map(({ dim, ...row }): Named => [
      label({ dim, ...row }),
      (random) => updateCall({ ...row, channels: [dim] }, random),
    ]),
    [
      'dt=±100',
      (random) =>
        withElements(
          updateCall({ channels: [10], softplus: true, D: true }, random),
          'dt',
          (i) => steps[i % steps.length],
        ),
    ],
    [
      'denormals',
      (random) =>
        withElements(updateCall({ channels: [5], D: true }, random), 'state', (_, old) => tiny * old),
    ],
    [
      'NaN stays in its channel',
      (random) => withElement(updateCall({ channels: [5], z: true }, random), 'x', [1, 2], NaN),
    ],
  ],
  causalConv1d: convolutions,
  causalConv1dBackward: gradientsOf((tier) => convolutions(tier).slice(0, 60)),
  causalConv1dUpdate: (tier) =>
    combine(tier, {
      dim: [1, 3, 5, 7, 9, 17, 33],
      W: [1, 2, 3, 4, 5, 9],
      dtype,
      weight: dtype,
      bias: flag,
      silu: flag,
      state: ['same', 'f32'],
    } as const).map((row) => [
      label(row),
      (random) => convUpdateCall({ ...row, state: row.state === 'same' ? row.dtype : row.state }, random),
    ]),
});

function scans(tier: Tier): Named[] {
  const length = tier === 'quick' ? 16384 : 65536;
  return [
    ...oddSizes(tier),
    ...initialisations(tier),
    ...largeSteps(),
    [
      `long-memory,L=${length}`,
      (random) => scanCall({ batch: 1, L: length, dim: 4, N: 4, data: 'long-memory' }, random),
    ],
    ['denormal u', (random) => withElements(scanCall(usual, random), 'u', (_, old) => tiny * old)],
    ['denormal delta', (random) => withElements(scanCall(usual, random), 'delta', (_, old) => tiny * old)],
    [
      'denormal state',
      (random) =>
        withElements(
          scanCall({ ...usual, from: 'initialState' }, random),
          'initialState',
          (_, old) => tiny * old,
        ),
    ],
    [
      'NaN in u stays in its channel',
      (random) => withElement(scanCall({ ...usual, z: true }, random), 'u', [1, 4, 2], NaN),
    ],
    [
      'NaN in delta stays in its channel',
      (random) => withElement(scanCall(usual, random), 'delta', [0, 3, 4], NaN),
    ],
    [
      'NaN in delta passes softplus',
      (random) => withElement(scanCall({ ...usual, softplus: true }, random), 'delta', [0, 3, 4], NaN),
    ],
    [
      'NaN in z stays in its element',
      (random) => withElement(scanCall({ ...usual, z: true }, random), 'z', [1, 4, 2], NaN),
    ],
    ['NaN in B stays in its sequence', (random) => withElement(scanCall(usual, random), 'B', [1, 7, 1], NaN)],
    ['NaN in A stays in its channel', (random) => withElement(scanCall(usual, random), 'A', [3, 1], NaN)],
    [
      'infinite u stays in its channel',
      (random) => withElement(scanCall({ ...usual, N: 1 }, random), 'u', [1, 4, 2], Infinity),
    ],
    [
      'delta=-Infinity with softplus is a step of no length',
      (random) => withElement(scanCall({ ...usual, softplus: true }, random), 'delta', [0, 3, 4], -Infinity),
    ],
  ];
}

function oddSizes(tier: Tier): Named[] {
  // The full product would be ten thousands of cases; twice the pairs, with longer sequences, is enough.
  const rows = pairwise(
    tier === 'quick' ? oddScans : { ...oddScans, L: [...oddScans.L, 511, 513, 1025, 2049, 2050] },
  );
  return rows.map((row) => [
    label(row),
    (random) => scanCall({ ...row, bias: true, D: true, z: true }, random),
  ]);
}

/** Where dividing by a cumulated exponential gives NaN: exp(-dt A) summed over a chunk leaves f32. */
function initialisations(tier: Tier): Named[] {
  const rows = combine(tier, {
    data: ['initial', 'trained'],
    L: [1, 64, 65, 128, 129, 512],
    dtype,
    bias: flag,
  } as const);
  return rows.map((row) => [
    label({ N: 16, ...row }),
    (random) => scanCall({ ...row, batch: 1, dim: 6, N: 16, softplus: true, D: true, z: true }, random),
  ]);
}

function largeSteps(): Named[] {
  return dtype.flatMap((dtype): Named[] => {
    const scan: Named[1] = (random) =>
      scanCall({ ...usual, L: 21, dtype, softplus: true, data: 'initial' }, random);
    return [
      [
        `dt=±100,dtype=${dtype}`,
        (random) => withElements(scan(random), 'delta', (i) => steps[i % steps.length]),
      ],
      [
        `dt=100 without softplus,dtype=${dtype}`,
        (random) =>
          withElements(scanCall({ ...usual, dtype, data: 'initial' }, random), 'delta', (i) =>
            i % 3 === 0 ? 100 : undefined,
          ),
      ],
    ];
  });
}

function convolutions(tier: Tier): Named[] {
  const plain = { L: 9, dim: 5, batch: 2 } as const;
  return [
    ...pairwise(
      tier === 'quick' ? oddConvolutions : { ...oddConvolutions, L: [...oddConvolutions.L, 513, 2049] },
    ).map((row): Named => [label(row), (random) => convCall(row, random)]),
    ['NaN is forgotten after W steps', (random) => withElement(convCall(plain, random), 'x', [1, 3, 2], NaN)],
    [
      'Infinity is forgotten after W steps',
      (random) => withElement(convCall(plain, random), 'x', [0, 1, 4], Infinity),
    ],
    ['denormals', (random) => withElements(convCall(plain, random), 'x', (_, old) => tiny * old)],
  ];
}
