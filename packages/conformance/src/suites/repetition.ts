import type { OpName } from '@ss/core';
import { opNames } from '@ss/core/engine';
import { examples } from '../calls/examples.ts';
import type { Suite } from '../case.ts';
import { Random } from '../random.ts';
import { assertSameBits } from './agreement.ts';

const runs = { quick: 3, full: 10 };

/** The same inputs give the same bits on every run, on shapes that threads divide. */
export const repetition: Suite = {
  name: 'repetition',
  ops: opNames,
  *cases(op: OpName, { tier }) {
    for (const dtype of ['f32', 'bf16'] as const) {
      yield {
        name: `dtype=${dtype}`,
        async run(bench) {
          const call = examples[op]!(dtype, 'divided', new Random(`${op} ${dtype}`));
          const first = await bench.run(call);
          for (let run = 1; run < runs[tier]; run++) assertSameBits(first, await bench.run(call));
        },
      };
    }
  },
};
