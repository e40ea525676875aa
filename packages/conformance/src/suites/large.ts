import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { addCall, copyCall, unaryCall } from '../calls/elementwise.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Suite } from '../case.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Named } from './named.ts';

/** Channels of mamba-130m, and a number that no vector divides. */
const widths = [1536, 1533] as const;
const everything = { D: true, z: true, bias: true, softplus: true, data: 'initial' } as const;

/** Shapes of real models, large enough that tiles and threads divide them. */
export const large: Suite = referenceSuite('large', {
  selectiveScan: (tier) => [
    ...scans(tier === 'quick' ? 40 : 512),
    // As ggml tests it, and as the official tests of the whole mixer do.
    [
      'D=1024,N=16,L=32,B=4',
      (random) => scanCall({ ...everything, batch: 4, L: 32, dim: 1024, N: 16 }, random),
    ],
    [
      'D=768,N=8,L=128,constant C',
      (random) => scanCall({ ...everything, batch: 1, L: 128, dim: 768, N: 8, varC: false }, random),
    ],
    ['D=6,N=16,L=4097', (random) => scanCall({ ...everything, batch: 1, L: 4097, dim: 6, N: 16 }, random)],
    ['D=70000,N=1,L=3', (random) => scanCall({ ...everything, batch: 1, L: 3, dim: 70000, N: 1 }, random)],
  ],
  selectiveScanBackward: gradientsOf((tier) => [
    ...scans(tier === 'quick' ? 12 : 256),
    ['D=6,N=16,L=1025', (random) => scanCall({ ...everything, batch: 2, L: 1025, dim: 6, N: 16 }, random)],
  ]),
  selectiveStateUpdate: () =>
    widths.map((dim) => [
      `D=${dim}`,
      (random) => updateCall({ channels: [dim], N: 16, batch: 3, D: true, z: true, softplus: true }, random),
    ]),
  causalConv1d: () => [
    ...widths.map((dim): Named => [
      `D=${dim},L=67`,
      (random) => convCall({ dim, L: 67, batch: 1, bias: true, silu: true }, random),
    ]),
    ['D=3,L=20001', (random) => convCall({ dim: 3, L: 20001, batch: 1, silu: true }, random)],
  ],
  causalConv1dBackward: gradientsOf(() =>
    widths.map((dim) => [
      `D=${dim},L=35`,
      (random) => convCall({ dim, L: 35, bias: true, silu: true }, random),
    ]),
  ),
  causalConv1dUpdate: () =>
    widths.map((dim) => [
      `D=${dim}`,
      (random) => convUpdateCall({ dim, batch: 3, bias: true, silu: true }, random),
    ]),
  linear: () => products([1, 8, 61]),
  linearBackward: gradientsOf(() => products([61])),
  rmsNorm: () => [
    ['K=768,R=130', (random) => normCall({ rows: [130], K: 768, weight: true, residual: 'f32' }, random)],
    ['K=5120,R=3', (random) => normCall({ rows: [3], K: 5120, weight: true, gate: true, groups: 8 }, random)],
  ],
  embedding: () => [
    ['V=5028,K=768', (random) => embeddingCall({ V: 5028, K: 768, ids: [2, 17], weight: 'bf16' }, random)],
  ],
  copy: () => [
    ['300 x 1537,f32 to bf16', (random) => copyCall({ from: 'f32', to: 'bf16', shape: [300, 1537] }, random)],
  ],
  add: () => [['300 x 1537', (random) => addCall('f32', [300, 1537], random)]],
  silu: () => [['300 x 1537', (random) => unaryCall('silu', 'f32', [300, 1537], random)]],
  softplus: () => [['300 x 1537', (random) => unaryCall('softplus', 'f32', [300, 1537], random)]],
});

function scans(L: number): Named[] {
  return widths.map((dim) => [
    `D=${dim},N=16,L=${L}`,
    (random) => scanCall({ ...everything, batch: 1, L, dim, N: 16 }, random),
  ]);
}

function products(rows: readonly number[]): Named[] {
  return rows.flatMap((R) => [
    [
      `${R} x 768 x ${R === 61 ? 307 : 3072}`,
      (random) =>
        linearCall({ rows: [R], K: 768, M: R === 61 ? 307 : 3072, weight: R === 8 ? 'bf16' : 'f32' }, random),
    ] as Named,
    [
      `${R} x 1533 x 301`,
      (random) => linearCall({ rows: [R], K: 1533, M: 301, bias: true, residual: true }, random),
    ] as Named,
  ]);
}
