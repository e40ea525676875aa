import { Tensor } from '@ss/core';
import type { Engine, OpName } from '@ss/core';
import { ops } from '@ss/core/engine';
import { compare } from '../compare.ts';
import type { Comparison } from '../compare.ts';
import { onReference } from './on-reference.ts';
import type { Benchmark } from './report.ts';

/** Every output of one call, by name, as numbers. */
export async function outputsOf(
  engine: Engine,
  op: OpName,
  args: object,
): Promise<Map<string, ArrayLike<number>>> {
  const values = new Map<string, ArrayLike<number>>();
  for (const [name, output] of Object.entries(engine.call(op, args))) {
    values.set(name, (await output.read()) as ArrayLike<number>);
    output.dispose();
  }
  return values;
}

/** The output of one call that is furthest from the reference's, each by the op's own tolerance. */
export async function checkOp(engine: Engine, op: OpName, args: object): Promise<Benchmark['check']> {
  const actual = await outputsOf(engine, op, args);
  const expected = await onReference((reference) => outputsOf(reference, op, args));
  const { call } = engine.assess(op, args);
  const { dtype } = call.inputs[ops[op].required[0]!]!;
  let worst: Comparison | undefined;
  for (const [name, values] of expected) {
    const found = compare(actual.get(name)!, values, ops[op].tolerance(dtype, name, call.sizes));
    if (worst === undefined || !(found.used <= worst.used)) worst = found;
  }
  return { ...worst!, against: 'the reference in float64' };
}

/** One call on arguments that are already on the device, for timing; `dispose` frees them. */
export function repeatable(engine: Engine, op: OpName, args: object): Disposable & { run(): Promise<void> } {
  const entries = Object.entries(args) as [string, unknown][];
  const placed = Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Tensor ? engine.upload(value) : value]),
  );
  return {
    async run() {
      const outputs = engine.call(op, placed);
      await engine.sync();
      for (const output of Object.values(outputs)) output.dispose();
    },
    [Symbol.dispose]() {
      for (const value of Object.values(placed)) if (value instanceof Tensor) value.dispose();
    },
  };
}
