import type { OpName, Tensor } from '@ss/core';
import { opNames } from '@ss/core/engine';
import { readAll } from '../bench.ts';
import type { Result } from '../bench.ts';
import { inferred } from '../calls/call.ts';
import { examples } from '../calls/examples.ts';
import type { Case, Suite } from '../case.ts';
import { Random } from '../random.ts';
import { assertSameBits } from './agreement.ts';

const count = 12;

/** Everything happens in the order of the calls, though nobody waits for one of them. */
export const order: Suite = {
  name: 'order',
  ops: opNames,
  *cases(op) {
    yield unawaited(op);
  },
};

/** Arguments and results are disposed at once, so that later ones take their memory while the work is to come. */
function unawaited(op: OpName): Case {
  return {
    name: 'calls that nobody waits for',
    async run(bench) {
      const random = new Random(op);
      const calls = Array.from({ length: count }, () => examples[op]!('f32', 'divided', random));
      const expected: Result[] = [];
      for (const call of calls) {
        expected.push(await bench.run(call));
        bench.release();
      }
      const reads = calls.map((call) => {
        const given = bench.arguments(call);
        const states = inferred(call).inout.map((name): [string, Tensor] => [name, given[name] as Tensor]);
        const results = bench.engine.call(op, given);
        for (const result of Object.values(results)) bench.own(result);
        const read = readAll({ ...results, ...Object.fromEntries(states) });
        bench.release();
        return read;
      });
      for (const [i, outputs] of (await Promise.all(reads)).entries())
        assertSameBits(expected[i]!, { outputs });
    },
  };
}
