import type { DType, FloatDType } from '@ss/core';
import type { Call } from '../calls/call.ts';
import { makeCall } from '../calls/call.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { withElement, withElements } from '../calls/edit.ts';
import { argmaxCall, crossEntropyCall, distinctLogits, sampleCall } from '../calls/logits.ts';
import type { Suite } from '../case.ts';
import { fill, values } from '../values.ts';
import type { Values } from '../values.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Named } from './named.ts';

const dtypes = ['f32', 'f16', 'bf16'] as const;
const large = [100, -100, 1e4, -1e4, 88, -88, 89, 20, 20.5, -20, 1e-3, -1e-3, 1e-41, -1e-41, 0, -0];
/** Ties, overflows and underflows of every narrow dtype. */
const castable = [
  0,
  -0,
  1,
  -1,
  1 + 2 ** -11,
  1 + 3 * 2 ** -11,
  1 + 2 ** -8,
  1 + 3 * 2 ** -8,
  1 + 2 ** -9,
  65504,
  65519,
  65520,
  -65520,
  2 ** -14,
  2 ** -15,
  2 ** -24,
  2 ** -25,
  3 * 2 ** -25,
  2 ** -26,
  3.3895313892515355e38,
  3.4e38,
  -3.4e38,
  2 ** -126,
  2 ** -133,
  2 ** -134,
  1e-45,
  Infinity,
  -Infinity,
  NaN,
];

/** Numbers at the ends of their range in ops that work row by row. */
export const extremesOfRows: Suite = referenceSuite('extremes', {
  softplus: () =>
    dtypes.map((dtype) => [
      `ends,dtype=${dtype}`,
      () => unary('softplus', [...large, Infinity, -Infinity, NaN], dtype),
    ]),
  // silu(-Infinity) is the limit, 0.
  silu: () =>
    dtypes.map((dtype) => [
      `ends,dtype=${dtype}`,
      () => unary('silu', [...large, Infinity, -Infinity, NaN], dtype),
    ]),
  add: () => dtypes.map((dtype) => [`ends,dtype=${dtype}`, () => additions(dtype)]),
  copy: casts,
  embedding: () =>
    dtypes.map((weight) => [
      `bits of the rows,weight=${weight}`,
      (random) =>
        withElements(
          embeddingCall({ weight, ids: [6], V: 3, K: 4 }, random),
          'weight',
          (i) => [NaN, Infinity, -0, 1e-41][i % 4],
        ),
    ]),
  linear: () => [
    ['K=4096', (random) => linearCall({ K: 4096, M: 3 }, random)],
    [
      'NaN stays in its row',
      (random) => withElement(linearCall({ rows: [3], K: 9, M: 7 }, random), 'x', [1, 4], NaN),
    ],
    [
      'Infinity stays in its row',
      (random) => withElement(linearCall({ rows: [3], K: 9, M: 7 }, random), 'x', [1, 4], Infinity),
    ],
    [
      'NaN in a weight stays in its column',
      (random) => withElement(linearCall({ rows: [3], K: 9, M: 7 }, random), 'weight', [5, 8], NaN),
    ],
    [
      'denormals',
      (random) => withElements(linearCall({ rows: [3], K: 9, M: 7 }, random), 'x', (_, old) => 1e-41 * old),
    ],
  ],
  rmsNorm: norms,
  rmsNormBackward: gradientsOf(() => norms().filter(([name]) => !name.startsWith('NaN'))),
  crossEntropy: losses,
  crossEntropyBackward: gradientsOf(losses),
  argmax: () => [
    [
      'the lowest of equals',
      () => makeCall('argmax', { logits: values([1, 3, 3, 2, -1, -1, -2, -1, 0, -0, 0, -0], [3, 4], 'f32') }),
    ],
    [
      'infinite logits',
      () =>
        makeCall('argmax', {
          logits: values([-Infinity, -5, -Infinity, 3, Infinity, Infinity], [2, 3], 'f32'),
        }),
    ],
    [
      'nothing but -Infinity',
      () => makeCall('argmax', { logits: values([-Infinity, -Infinity, -Infinity], [1, 3], 'f32') }),
    ],
    ...withoutDistribution((logits, vocabulary) => makeCall('argmax', { logits }, { vocabulary })),
    [
      'padding holds the largest',
      (random) => withElement(argmaxCall({ R: 1, V: 9, vocabulary: 8 }, random), 'logits', [0, 8], 1000),
    ],
    [
      'V=50280',
      (random) =>
        withElement(argmaxCall({ R: 2, V: 50280, vocabulary: 50277 }, random), 'logits', [1, 50276], 99),
    ],
  ],
  sample: samples,
});

function unary(op: 'silu' | 'softplus', numbers: readonly number[], dtype: FloatDType): Call {
  return makeCall(op, { x: values(numbers, [numbers.length], dtype) });
}

function additions(dtype: FloatDType): Call {
  const a = [Infinity, Infinity, -Infinity, NaN, 0, -0, 1e-41, 65504];
  const b = [1, -Infinity, -Infinity, 1, -0, -0, 1e-41, 65504];
  return makeCall('add', { a: values(a, [8], dtype), b: values(b, [8], dtype) });
}

function casts(): Named[] {
  const floats: readonly DType[] = ['f32', 'f16', 'bf16'];
  return floats.flatMap((from) =>
    floats.map((to): Named => [
      `rounding,from=${from},to=${to}`,
      () =>
        makeCall(
          'copy',
          { x: values(castable, [castable.length], from) },
          { dtype: from === to ? undefined : to },
        ),
    ]),
  );
}

function norms(): Named[] {
  return [
    ['zeros', (random) => withElements(normCall({ K: 17, weight: true }, random), 'x', () => 0)],
    ['eps outweighs x', (random) => normCall({ K: 33, scale: 1e-6, weight: true }, random)],
    ['large x', (random) => normCall({ K: 33, scale: 1e15, weight: true }, random)],
    ['large x in f16', (random) => normCall({ K: 33, scale: 1e4, dtype: 'f16' }, random)],
    ['closed gate', (random) => withElements(normCall({ K: 17, gate: true }, random), 'gate', () => -200)],
    [
      'NaN stays in its row',
      (random) => withElement(normCall({ rows: [3], K: 9, weight: true }, random), 'x', [1, 4], NaN),
    ],
  ];
}

function losses(): Named[] {
  const logits = (numbers: readonly number[], targets: readonly number[]): Call =>
    makeCall('crossEntropy', {
      logits: values(numbers, [targets.length, numbers.length / targets.length], 'f32'),
      targets: values(targets, [targets.length], 'i32'),
    });
  return [
    ['large logits', () => logits([10000, 10001, 9999, -10000, -10001, -9999], [0, 2])],
    ['impossible classes', () => logits([-Infinity, 1, 2, 0, -Infinity, -Infinity], [1, 0])],
    ['one class', () => logits([5, -3], [0, 0])],
    ['no target', (random) => withElements(crossEntropyCall({ R: 3 }, random), 'targets', () => -1)],
    ['V=50280', (random) => crossEntropyCall({ R: 2, V: 50280 }, random)],
  ];
}

/** Rows that have no softmax, between rows that have one. */
function withoutDistribution(
  call: (logits: Values, vocabulary: number | undefined) => Call,
  V = 37,
): Named[] {
  const row = (fill: (v: number) => number): number[] => Array.from({ length: V }, (_, v) => fill(v));
  const ordinary = row((v) => (v * 7) % V);
  const only = (at: number, value: number): number[] => ordinary.with(at, value);
  const rows: readonly (readonly [what: string, row: readonly number[]])[] = [
    ['NaN first', only(0, NaN)],
    ['NaN last', only(V - 1, NaN)],
    ['NaN in the middle', only(V >> 1, NaN)],
    ['nothing but NaN', row(() => NaN)],
    ['NaN among -Infinity', row((v) => (v === 3 ? NaN : -Infinity))],
    ['NaN beside Infinity', only(4, NaN).with(5, Infinity)],
    ['-NaN', only(2, -NaN)],
    ['Infinity', only(6, Infinity)],
    ['Infinity twice', only(6, Infinity).with(V - 2, Infinity)],
    ['nothing but Infinity', row(() => Infinity)],
    ['nothing but -Infinity', row(() => -Infinity)],
    ['one number among -Infinity', row((v) => (v === 3 ? -5 : -Infinity))],
  ];
  return rows.flatMap(([what, numbers]): Named[] => [
    ...dtypes.map((dtype): Named => [
      `${what},dtype=${dtype}`,
      () => call(values([...ordinary, ...numbers, ...ordinary], [3, V], dtype), undefined),
    ]),
    [
      `${what},in the padding`,
      () => call(values([...ordinary, ...numbers, ...ordinary, ...numbers], [2, 2 * V], 'f32'), V),
    ],
  ]);
}

function samples(): Named[] {
  const at = (call: Call, uniform: number): Call => withElements(call, 'uniform', () => uniform);
  return [
    ['uniform=0 draws the most probable', (random) => at(sampleCall({ V: 40 }, random), 0)],
    ['uniform just below 1', (random) => at(sampleCall({ V: 40, topK: 5 }, random), 1 - 2 ** -24)],
    [
      'impossible ids are never drawn',
      (random) =>
        withElements(sampleCall({ V: 6, R: 3 }, random), 'logits', (i) => (i % 6 === 2 ? 1 : -Infinity)),
    ],
    [
      'padding is never drawn',
      (random) =>
        withElements(sampleCall({ V: 8, vocabulary: 5 }, random), 'logits', (i) =>
          i % 8 >= 5 ? 1000 : undefined,
        ),
    ],
    [
      'temperature=0 takes the lowest of equals',
      (random) => withElements(sampleCall({ V: 6, temperature: 0 }, random), 'logits', () => 1),
    ],
    ['topK beyond the vocabulary', (random) => sampleCall({ V: 7, topK: 99 }, random)],
    [
      'penalty once per id',
      (random) =>
        withElements(sampleCall({ V: 7, recent: true, penalty: 1.5 }, random), 'recentIds', () => 3),
    ],
    ...[
      {},
      { temperature: 0 },
      { temperature: 0.7, topK: 5, topP: 0.9, minP: 0.05 },
      { recent: true, repetitionPenalty: 1.3 },
    ].flatMap(({ recent, ...rules }) =>
      withoutDistribution((logits, vocabulary) => {
        const R = logits.shape[0]!;
        const recentIds = recent && fill([R, 3], 'i32', (i) => i % 7);
        return makeCall(
          'sample',
          { logits, uniform: fill([R], 'f32', () => 0.4), recentIds },
          { ...rules, vocabulary },
        );
      }).map(([what, make]): Named => [`${what},${JSON.stringify({ recent, ...rules })}`, make]),
    ),
    ['V=50280,topK=40', (random) => sampleCall({ V: 50280, R: 2, topK: 40, vocabulary: 50277 }, random)],
    [
      'every id in proportion',
      (random) => {
        // 64 draws at evenly spaced points of the distribution of one row of logits.
        const row = distinctLogits({ R: 1, V: 5 }, random).data.map((logit) => logit / 16);
        return makeCall('sample', {
          logits: fill([64, 5], 'f32', (i) => row[i % 5]!),
          uniform: fill([64], 'f32', (i) => (i + 0.5) / 64),
        });
      },
    ],
  ];
}
