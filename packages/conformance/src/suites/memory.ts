import { opNames } from '@ss/core/engine';
import { readAll } from '../bench.ts';
import { examples } from '../calls/examples.ts';
import type { Suite } from '../case.ts';
import { assertSame } from '../compare.ts';
import { Random } from '../random.ts';

/** Memory is given back when it is asked for, and only what nothing lives in. */
export const memory: Suite = {
  name: 'memory',
  ops: opNames,
  *cases(op) {
    yield {
      name: 'trim',
      async run(bench) {
        const { engine } = bench;
        const call = examples[op]!('f32', 'small', new Random(op));
        const { outputs: before } = await bench.run(call);
        // Nobody waits for the call, whose arguments are free when it is asked to give back what is free.
        const args = bench.arguments(call);
        const { inout } = engine.assess(op, args).call;
        const results = engine.call(op, args);
        for (const tensor of Object.values(results)) bench.own(tensor);
        for (const [name, tensor] of Object.entries(args))
          if (isTensor(tensor) && !inout.includes(name)) tensor.dispose();
        engine.trim();
        const state = Object.fromEntries(inout.map((name) => [name, args[name] as never]));
        const outputs = await readAll({ ...results, ...state });
        for (const [name, { data }] of Object.entries(before)) assertSame(name, outputs[name]!, data);
        await engine.sync();
        const { reservedBytes } = engine.memory();
        engine.trim();
        const after = engine.memory();
        if (after.reservedBytes > reservedBytes || after.reservedBytes < after.liveBytes)
          throw new Error(
            `After trim() ${after.reservedBytes} bytes are reserved; before it were ${reservedBytes}, and ${after.liveBytes} live.`,
          );
        const again = await bench.run(call);
        for (const [name, { data }] of Object.entries(before)) assertSame(name, again.outputs[name]!, data);
      },
    };
  },
};

function isTensor(value: unknown): value is { dispose(): void } {
  return typeof value === 'object' && value !== null && 'dispose' in value;
}
