import { convCall } from '../calls/causal-conv1d.ts';
import { mapInputs } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { linearCall, normCall } from '../calls/dense.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import { mapTime } from '../calls/time.ts';
import type { Case, Suite } from '../case.ts';
import { assertSame } from '../compare.ts';
import { Random } from '../random.ts';
import { concatenated, flipped, sliced } from '../values.ts';
import type { Values } from '../values.ts';
import { assertAgree, assertAgreement } from './agreement.ts';

const dtypes = ['f32', 'f16', 'bf16'] as const;
const rows = [0, 1, 5, 13];

/** Equations between calls of one op that need no reference. */
export const symmetries: Suite = {
  name: 'symmetries',
  ops: ['selectiveScan', 'causalConv1d', 'selectiveStateUpdate', 'linear', 'rmsNorm'],
  *cases(op) {
    for (const dtype of dtypes) {
      const random = new Random(`${op} ${dtype}`);
      const odd = { dtype, L: 37, dim: 6, from: 'initialState' } as const;
      if (op === 'selectiveScan') {
        const scan = { ...odd, N: 5, D: true, z: true, bias: true, softplus: true, groups: 2 } as const;
        yield reversal(dtype, scanCall(scan, random));
        yield batches(dtype, scanCall({ ...scan, batch: 3 }, random));
        yield groups(dtype, scanCall({ ...scan, groups: 3 }, random), 2);
      } else if (op === 'causalConv1d') {
        yield reversal(dtype, convCall({ ...odd, bias: true, silu: true }, random));
        yield batches(dtype, convCall({ ...odd, batch: 3, bias: true, silu: true }, random));
      } else if (op === 'selectiveStateUpdate') {
        yield groups(dtype, updateCall({ dtype, channels: [6], groups: 3, N: 5, D: true }, random), 1);
        yield groups(dtype, updateCall({ dtype, channels: [4, 3], groups: 2, N: 5, z: true }, random), 1);
      } else if (op === 'linear') {
        yield byRows(dtype, linearCall({ dtype, rows: [13], K: 67, M: 19, bias: true }, random));
      } else {
        yield byRows(dtype, normCall({ dtype, rows: [13], K: 67, weight: true }, random));
      }
    }
  },
};

/** reverse = flip, forwards, flip: the same operations in the same order, so the same bits. */
function reversal(dtype: string, call: Call): Case {
  return {
    name: `reverse,dtype=${dtype}`,
    async run(bench) {
      const backwards = await bench.run({ ...call, options: { ...call.options, reverse: true } });
      const forwards = await bench.run(mapTime(call, (value) => flipped(value, 1)));
      assertSame('y', backwards.outputs['y']!, flipped(forwards.outputs['y']!, 1).data);
      assertSame('finalState', backwards.outputs['finalState']!, forwards.outputs['finalState']!.data);
    },
  };
}

/** A batch is as many calls as it has rows. */
function batches(dtype: string, call: Call): Case {
  const batched = ['u', 'delta', 'z', 'B', 'C', 'x', 'initialState'];
  return {
    name: `batch,dtype=${dtype}`,
    async run(bench) {
      const whole = await bench.run(call);
      for (let b = 0; b < 3; b++) {
        const inputs = mapInputs(call.inputs, (value, name) =>
          batched.includes(name) ? sliced(value, 0, b, b + 1) : value,
        );
        const row = await bench.run({ ...call, inputs });
        for (const [name, output] of Object.entries(row.outputs)) {
          assertAgreement(call, [whole, row], name, output, sliced(whole.outputs[name]!, 0, b, b + 1));
        }
      }
    },
  };
}

/** Channel d reads group floor(d / (D / G)): writing each group out for its channels changes nothing. */
function groups(dtype: string, call: Call, axis: number): Case {
  const [main] = [(call.inputs['u'] ?? call.inputs['x'])!];
  const heads = main.shape[axis]!;
  return {
    name: `groups,${main.shape.length - axis === 2 ? 'heads,' : ''}dtype=${dtype}`,
    async run(bench) {
      const written = mapInputs(call.inputs, (value, name) => {
        if (name !== 'B' && name !== 'C') return value;
        const each = heads / value.shape[axis]!;
        const picked = Array.from({ length: heads }, (_, d) => group(value, axis, Math.floor(d / each)));
        return concatenated(picked, axis);
      });
      assertAgree(call, await bench.run({ ...call, inputs: written }), await bench.run(call));
    },
  };
}

function group(value: Values, axis: number, index: number): Values {
  return sliced(value, axis, index, index + 1);
}

/** What one row gives does not hang on how many there are: prefill and decode agree. */
function byRows(dtype: string, call: Call): Case {
  return {
    name: `rows,dtype=${dtype}`,
    async run(bench) {
      const whole = await bench.run(call);
      for (const [i, end] of rows.slice(1).entries()) {
        const start = rows[i]!;
        const part = await bench.run({
          ...call,
          inputs: { ...call.inputs, x: sliced(call.inputs['x']!, 0, start, end) },
        });
        assertAgreement(
          call,
          [whole, part],
          'y',
          part.outputs['y']!,
          sliced(whole.outputs['y']!, 0, start, end),
        );
      }
    },
  };
}
