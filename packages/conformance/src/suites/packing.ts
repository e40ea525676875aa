import { encode, fromBytes, SsError } from '@ss/core';
import type { FloatDType, OpName, Tensor, WeightDType } from '@ss/core';
import { readAll } from '../bench.ts';
import type { Bench } from '../bench.ts';
import { inferred, mainDType } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { embeddingCall, linearCall } from '../calls/dense.ts';
import { Skip } from '../case.ts';
import type { Case, Suite } from '../case.ts';
import { combine, label } from '../combinations.ts';
import { assertClose } from '../compare.ts';
import { Random } from '../random.ts';
import { cast, fill } from '../values.ts';
import type { Values } from '../values.ts';

const grid = {
  from: ['f32', 'f16', 'bf16'],
  as: ['stored', 'f32', 'f16', 'bf16', 'i8'],
  size: [
    [1, 1],
    [3, 7],
    [64, 16],
    [67, 33],
    [129, 768],
  ],
  rows: [1, 2, 9],
} as const;

/** A packed weight is the weight, rounded once: in products of any number of rows, and looked up row by row. */
export const packing: Suite = {
  name: 'packing',
  ops: ['linear', 'embedding'],
  *cases(op, { tier }) {
    for (const { from, as, size, rows } of combine(tier, grid)) {
      const [M, K] = size;
      const name = label({ from, as, size, rows });
      const make = (random: Random): Call =>
        op === 'linear'
          ? linearCall({ weight: from, rows: [rows], K, M, bias: true }, random)
          : embeddingCall({ weight: from, V: M, K, ids: [rows, 2] }, random);
      yield as === 'i8' ? quantised(name, make) : packed(name, make, as === 'stored' ? undefined : as);
    }
  },
};

function packed(name: string, make: (random: Random) => Call, as: FloatDType | undefined): Case {
  return {
    name,
    async run(bench) {
      const call = make(new Random(name));
      await compare(
        bench,
        call,
        pack(bench, call, as),
        cast(call.inputs['weight']!, as ?? call.inputs['weight']!.dtype),
      );
    },
  };
}

/**
 * Symmetric i8 with a scale for each row: what is looked up is within half a scale of the weight, and what is
 * looked up is what products are made of.
 */
function quantised(name: string, make: (random: Random) => Call): Case {
  const uses: readonly OpName[] = ['embedding'];
  return {
    name,
    uses,
    async run(bench) {
      const call = make(new Random(name));
      const weight = call.inputs['weight']!;
      const packedWeight = pack(bench, call, 'i8');
      const looked = await lookUp(bench, packedWeight, weight.shape[0]!);
      const [M, K] = weight.shape as [number, number];
      for (let m = 0; m < M; m++) {
        const row = weight.data.subarray(m * K, (m + 1) * K);
        const half = row.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 254;
        const far = row.findIndex((w, k) => !(Math.abs(looked.data[m * K + k]! - w) <= half * (1 + 1e-5)));
        if (far < 0) continue;
        const element = `Element (${m}, ${far}) is ${looked.data[m * K + far]} instead of ${row[far]}`;
        throw new Error(`${element}: more than half a scale away.`);
      }
      await compare(bench, call, packedWeight, looked);
    },
  };
}

/** The call with the packed weight, against the reference with the values that it should hold. */
async function compare(bench: Bench, call: Call, weight: Tensor, holds: Values): Promise<void> {
  const plain = { ...call, inputs: { ...call.inputs, weight: holds } };
  const { weight: _, ...others } = bench.arguments(call);
  const results = bench.engine.call(call.op, { ...others, weight });
  for (const tensor of Object.values(results)) bench.own(tensor);
  const { y } = await readAll(results);
  const expected = (await bench.expected(plain))['y']!;
  assertClose({ op: call.op, sizes: inferred(plain).sizes }, mainDType(plain), 'y', y!, expected.data);
}

/** Every row of the weight. */
async function lookUp(bench: Bench, weight: Tensor, rows: number): Promise<Values> {
  const ids = bench.place(fill([rows], 'i32', (i) => i));
  const y = bench.engine.embedding({ ids, weight });
  return (await readAll({ y: bench.own(y) }))['y']!;
}

/** The source is disposed, as a loader would. @throws Skip when the backend does not store weights so */
function pack(bench: Bench, call: Call, as: WeightDType | undefined): Tensor {
  const { data, shape, dtype } = call.inputs['weight']!;
  using source = fromBytes(encode(data, dtype), shape, dtype);
  try {
    return bench.own(bench.engine.pack(source, as));
  } catch (error) {
    if (!SsError.is(error, 'op-unsupported')) throw error;
    throw new Skip(`the backend does not store ${dtype} weights as ${as ?? dtype}`);
  }
}
