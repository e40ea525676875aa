import { opNames } from '@ss/core/engine';
import { mapInputs, withLayout } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { examples } from '../calls/examples.ts';
import type { Case, Suite } from '../case.ts';
import { layoutNames } from '../layouts.ts';
import { Random } from '../random.ts';
import { assertAgree } from './agreement.ts';

/** Where a view lies in memory changes nothing in what an op gives. */
export const layoutSuite: Suite = {
  name: 'layouts',
  ops: opNames,
  *cases(op, { tier }) {
    for (const dtype of ['f32', 'bf16'] as const) {
      const small = examples[op]!(dtype, 'small', new Random(`${op} ${dtype}`));
      const call = tier === 'quick' ? small : examples[op]!(dtype, 'divided', new Random(`${op} ${dtype}`));
      for (const layout of layoutNames.filter((name) => name !== 'dense')) {
        yield layoutCase(`${layout},dtype=${dtype}`, withLayout(call, layout));
      }
      // One argument at a time: a kernel may mix up whose strides are whose.
      for (const name of Object.keys(small.inputs)) {
        yield layoutCase(`${name} transposed,dtype=${dtype}`, withLayout(small, 'transposed', [name]));
      }
    }
  },
};

function layoutCase(name: string, call: Call): Case {
  return {
    name,
    async run(bench) {
      const dense = mapInputs(call.inputs, ({ dtype, shape, data }) => ({ dtype, shape, data }));
      assertAgree(call, await bench.run({ ...call, inputs: dense }), await bench.run(call));
    },
  };
}
