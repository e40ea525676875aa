import { denseStrides, Tensor } from '@ss/core';
import type { OpCall, OpName, TensorSpec } from '@ss/core';
import { callOf, opNames, ops } from '@ss/core/engine';
import type { Bench } from '../bench.ts';
import { mapInputs } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { examples } from '../calls/examples.ts';
import type { Case, Suite } from '../case.ts';
import { Random } from '../random.ts';
import { sliced } from '../values.ts';
import { checkAnswer } from './capabilities.ts';

/** Where 32-bit arithmetic ends: in bytes of f32, in elements, and past what 32 bits hold at all. */
const far = [2 ** 29 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 4];

/** Arguments without a batch axis. */
const parameters = ['A', 'D', 'weight', 'bias', 'deltaBias', 'dtBias'];

/** Strides near 2^31 and beyond are refused or right, never taken modulo something. */
export const farStrides: Suite = {
  name: 'far-strides',
  ops: opNames,
  *cases(op) {
    for (const stride of far) {
      yield unusedStride(op, stride);
      yield unusedStride(op, -stride);
      yield asked(op, stride);
    }
  },
};

/** An axis of extent 1 may have any stride: no element is one stride away. */
function unusedStride(op: OpName, stride: number): Case {
  return {
    name: `a batch of one with stride ${stride}`,
    async run(bench) {
      const call = batchOfOne(examples[op]!('f32', 'small', new Random(op)));
      const result = await bench.run(call, (tensor, name) =>
        parameters.includes(name) ? tensor : restrided(bench, tensor, stride),
      );
      const expected = await bench.expected(call);
      bench.compare(
        call,
        result,
        Object.fromEntries(Object.entries(expected).map(([name, { data }]) => [name, data])),
      );
    },
  };
}

/** Whoever cannot reach that far says so; whoever can needs no scratch of absurd size for it. */
function asked(op: OpName, stride: number): Case {
  return {
    name: `asked about stride ${stride}`,
    run(bench) {
      const call = examples[op]!('f32', 'small', new Random(op));
      const inputs = Object.fromEntries(
        Object.entries(call.inputs).map(([name, { dtype, shape }]): [string, TensorSpec] => {
          const strides = denseStrides(shape);
          if (!parameters.includes(name)) strides[0] = stride;
          return [name, { dtype, shape, strides, offset: 0 }];
        }),
      );
      const opCall: OpCall = callOf(ops[op], inputs, call.options);
      checkAnswer(bench.engine.backend.assess(opCall));
      return Promise.resolve();
    },
  };
}

function batchOfOne(call: Call): Call {
  return {
    ...call,
    inputs: mapInputs(call.inputs, (value, name) =>
      parameters.includes(name) ? value : sliced(value, 0, 0, 1),
    ),
  };
}

function restrided(bench: Bench, tensor: Tensor, stride: number): Tensor {
  const { dtype, shape, strides, offset, storage } = tensor;
  return bench.own(new Tensor(storage.retain(), { dtype, shape, strides: strides.with(0, stride), offset }));
}
