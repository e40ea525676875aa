import { fromBytes, encode } from '@ss/core';
import type { FloatDType, Tensor } from '@ss/core';
import type { Bench } from '../bench.ts';
import type { Call } from '../calls/call.ts';
import { embeddingCall, linearCall } from '../calls/dense.ts';
import type { Case, Suite } from '../case.ts';
import { assertClose } from '../compare.ts';
import { mainDType } from '../calls/call.ts';
import { Random } from '../random.ts';
import { readAll } from '../bench.ts';

const dtypes: readonly FloatDType[] = ['f32', 'f16', 'bf16'];
const sizes = [
  { K: 1, M: 1 },
  { K: 7, M: 3 },
  { K: 16, M: 64 },
  { K: 33, M: 67 },
  { K: 768, M: 129 },
] as const;

/** A packed weight is the weight: in products of any number of rows, and looked up row by row. */
export const packing: Suite = {
  name: 'packing',
  ops: ['linear', 'embedding'],
  *cases(op) {
    for (const weight of dtypes) {
      for (const { K, M } of sizes) {
        if (op === 'embedding') {
          yield packed(`V=${M},K=${K},weight=${weight}`, (random) =>
            embeddingCall({ weight, V: M, K, ids: [2, 3] }, random),
          );
          continue;
        }
        for (const R of [1, 2, 9]) {
          yield packed(`${R} x ${K} x ${M},weight=${weight}`, (random) =>
            linearCall({ weight, dtype: 'f32', rows: [R], K, M, bias: true }, random),
          );
        }
      }
    }
  },
};

function packed(name: string, make: (random: Random) => Call): Case {
  return {
    name,
    async run(bench) {
      const call = make(new Random(name));
      const { call: plain } = await bench.check(call);
      const weight = bench.own(packedWeight(bench, call));
      const args = { ...bench.arguments(call), weight };
      const results = bench.engine.call(call.op, args);
      for (const tensor of Object.values(results)) bench.own(tensor);
      const { y } = await readAll(results);
      const expected = (await bench.expected(call))['y']!;
      assertClose(plain, mainDType(call), 'y', y!, expected.data);
    },
  };
}

/** Its source is disposed, as a loader would. */
function packedWeight(bench: Bench, call: Call): Tensor {
  const { data, shape, dtype } = call.inputs['weight']!;
  using source = fromBytes(encode(data, dtype), shape, dtype);
  return bench.engine.pack(source);
}
