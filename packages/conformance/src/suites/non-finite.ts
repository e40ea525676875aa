import { dtypes } from '@ss/core';
import { opNames } from '@ss/core/engine';
import type { FloatDType, OpName } from '@ss/core';
import { backwardOf, forwardOf } from '../calls/backward.ts';
import type { Call } from '../calls/call.ts';
import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { withElements } from '../calls/edit.ts';
import { addCall, unaryCall } from '../calls/elementwise.ts';
import { argmaxCall, crossEntropyCall, sampleCall } from '../calls/logits.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Bench } from '../bench.ts';
import { Skip } from '../case.ts';
import type { Case, Suite } from '../case.ts';
import { Random } from '../random.ts';
import type { Tier } from '../report.ts';
import { rounded } from '../values.ts';

/**
 * What stands at one place of an input, and beside it. A large number leaves room for its square in f32: what overflows
 * there and not in float64 is nobody's promise.
 */
const specials = {
  Infinity: [Infinity],
  '-Infinity': [-Infinity],
  NaN: [NaN],
  'Infinity between zeros': [0, Infinity, 0],
  'a large number': [1e12],
  'a large negative number': [-1e12],
} as const;
type Special = keyof typeof specials;

type Make = (dtype: FloatDType, random: Random) => Call;

/** Odd sizes, so that vectors have lanes and pairs have halves that belong to nobody. */
const scan = { L: 7, dim: 6, N: 3, batch: 1 } as const;
const conv = { L: 7, dim: 6, W: 4, batch: 1 } as const;
const rows = { rows: [3], K: 6 } as const;

/**
 * Calls by what is given of the optional arguments. What is absent is no factor of zero: infinity stays infinity. Initial
 * states and the steps before the first are zeros, given or not.
 */
const calls: Partial<Readonly<Record<OpName, Readonly<Record<string, Make>>>>> = {
  selectiveScan: {
    bare: (dtype, random) => scanCall({ ...scan, dtype }, random),
    everything: (dtype, random) =>
      scanCall(
        { ...scan, dtype, groups: 2, D: true, z: true, bias: true, softplus: true, from: 'initialState' },
        random,
      ),
    constant: (dtype, random) =>
      scanCall({ ...scan, dtype, L: 35, varB: false, varC: false, D: true, reverse: true }, random),
    gate: (dtype, random) => scanCall({ ...scan, dtype, N: 4, dim: 8, z: true, softplus: true }, random),
  },
  selectiveStateUpdate: {
    bare: (dtype, random) => updateCall({ dtype, batch: 1, channels: [6], N: 3, bias: false }, random),
    everything: (dtype, random) =>
      updateCall(
        { dtype, batch: 2, channels: [2, 3], N: 4, groups: 2, D: true, z: true, softplus: true },
        random,
      ),
  },
  causalConv1d: {
    bare: (dtype, random) => convCall({ ...conv, dtype }, random),
    everything: (dtype, random) =>
      convCall({ ...conv, dtype, bias: true, silu: true, from: 'initialState' }, random),
    activation: (dtype, random) => convCall({ ...conv, dtype, W: 3, silu: true, reverse: true }, random),
  },
  causalConv1dUpdate: {
    bare: (dtype, random) => convUpdateCall({ dtype, dim: 6 }, random),
    everything: (dtype, random) => convUpdateCall({ dtype, dim: 6, bias: true, silu: true }, random),
  },
  linear: {
    bare: (dtype, random) => linearCall({ ...rows, dtype, M: 5 }, random),
    everything: (dtype, random) => linearCall({ ...rows, dtype, M: 9, bias: true, residual: true }, random),
    'one row': (dtype, random) => linearCall({ dtype, rows: [1], K: 9, M: 35, bias: true }, random),
  },
  rmsNorm: {
    bare: (dtype, random) => normCall({ ...rows, dtype }, random),
    everything: (dtype, random) =>
      normCall({ ...rows, dtype, weight: true, residual: dtype, gate: true, groups: 2 }, random),
  },
  add: { both: (dtype, random) => addCall(dtype, [3, 5], random) },
  silu: { x: (dtype, random) => unaryCall('silu', dtype, [3, 5], random) },
  softplus: { x: (dtype, random) => unaryCall('softplus', dtype, [3, 5], random) },
  embedding: {
    weight: (dtype, random) => embeddingCall({ dtype, weight: dtype, ids: [5], V: 4, K: 6 }, random),
  },
  crossEntropy: { logits: (dtype, random) => crossEntropyCall({ dtype, R: 3, V: 6 }, random) },
  argmax: { logits: (dtype, random) => argmaxCall({ dtype, R: 3, V: 6 }, random) },
  sample: {
    logits: (dtype, random) => sampleCall({ dtype, R: 3, V: 6 }, random),
    kept: (dtype, random) => sampleCall({ dtype, R: 3, V: 9, topK: 3, topP: 0.9, temperature: 0.7 }, random),
  },
};

/**
 * Every float argument in turn has infinity, NaN or large numbers somewhere, with the optional arguments absent and given.
 * What comes out is what the reference says, NaN exactly where it has NaN and infinities with their sign.
 */
export const nonFinite: Suite = {
  name: 'non-finite',
  ops: opNames.filter((op) => calls[forwardOf(op) ?? op]),
  *cases(op, { tier }) {
    for (const [given, make] of Object.entries(calls[forwardOf(op) ?? op]!)) {
      for (const dtype of storage(tier)) {
        const name = `${given},dtype=${dtype}`;
        for (const special of Object.keys(specials) as Special[])
          yield specialCase(op, name, special, tier, (random) => make(dtype, random));
      }
    }
  },
};

/**
 * Whether exp(dt A) is infinite, as in no model: the gradient is then a difference of infinities, which depends on the
 * order of its sums. Steps that are worked on together have another order than steps one by one.
 */
function growsWithoutBound({ op, options }: Call, argument: string, numbers: readonly number[]): boolean {
  if (op !== 'selectiveScanBackward') return false;
  if (argument === 'A') return numbers.some((x) => x > 0);
  return argument === 'delta' && options['softplus'] !== true && numbers.some((x) => x < 0);
}

/**
 * Beside a large number small ones cancel: everything has to be of its kind, finite or the same infinity or NaN, and right
 * within a share of the largest.
 */
async function checkKinds(bench: Bench, call: Call): Promise<void> {
  const expected = await bench.expected(call);
  const { outputs } = await bench.run(call);
  for (const [name, { data: exact }] of Object.entries(expected)) {
    const { data, dtype } = outputs[name]!;
    const wanted = rounded(exact, dtype);
    const largest = wanted.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 1);
    const wrong = wanted.findIndex((x, i) =>
      Number.isFinite(x) ? !(Math.abs(data[i]! - x) <= 1e-2 * largest) : !Object.is(data[i], x),
    );
    if (wrong >= 0)
      throw new Error(`${name}: number ${wrong} is ${data[wrong]} instead of ${wanted[wrong]}.`);
  }
}

function storage(tier: Tier): readonly FloatDType[] {
  return tier === 'quick' ? ['f32'] : ['f32', 'f16', 'bf16'];
}

function specialCase(
  op: OpName,
  name: string,
  special: Special,
  tier: Tier,
  make: (random: Random) => Call,
): Case {
  return {
    name: `${special},${name}`,
    async run(bench) {
      const random = new Random(`${op} ${name} ${special}`);
      const forward = make(random);
      const call = forwardOf(op) ? backwardOf(forward, random) : forward;
      for (const [argument, { dtype: own, data }] of Object.entries(call.inputs)) {
        // Uniform numbers are less than 1 by contract.
        if (dtypes[own].kind !== 'float' || argument === 'uniform') continue;
        const numbers = specials[special];
        if (growsWithoutBound(call, argument, numbers)) continue;
        const places = [random.below(data.length), 0, data.length - numbers.length];
        for (const first of new Set(tier === 'quick' ? places.slice(0, 1) : places)) {
          try {
            const changed = withElements(call, argument, (index) => numbers[index - first]);
            if (special.startsWith('a large')) await checkKinds(bench, changed);
            else await bench.check(changed);
          } catch (error) {
            if (error instanceof Skip) throw error;
            const reason = error instanceof Error ? error.message : String(error);
            throw new Error(`${special} at ${first} of ${argument}: ${reason}`, { cause: error });
          } finally {
            bench.release();
          }
        }
      }
    },
  };
}
