import { onTrace, SsError } from '@ss/core';
import type { Assessment, OpCall, Tensor, TensorSpec, TraceEvent } from '@ss/core';
import { callOf, opNames, ops } from '@ss/core/engine';
import { blockersOf, readAll } from '../bench.ts';
import type { Bench } from '../bench.ts';
import { mainDType } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import type { Case, Suite } from '../case.ts';
import { assertClose, assertSame } from '../compare.ts';
import { sweeps } from './capability-sweeps.ts';

const origins = ['environment', 'install', 'request', 'device'];

/**
 * `assess` tells the truth: over ops, dtypes, layouts and options, every yes runs here and gives what the
 * reference gives, and every no is a refusal with its code that changes nothing.
 */
export const capabilities: Suite = {
  name: 'capabilities',
  ops: opNames,
  *cases(op, { tier }) {
    for (const [name, make] of sweeps(op, tier)) yield audit(name, make);
  },
};

function audit(name: string, make: () => Call): Case {
  return {
    name,
    async run(bench) {
      const call = make();
      const args = bench.arguments(call);
      const opCall = opCallOf(call, args);
      const { backend } = bench.engine;
      const answer = backend.assess(opCall);
      checkAnswer(answer);
      if (JSON.stringify(backend.assess(opCall)) !== JSON.stringify(answer)) {
        throw new Error('assess gives two answers to one question.');
      }
      if (answer.ok) await mustRun(bench, call, args);
      else
        mustRefuse(
          bench,
          call,
          args,
          answer.blockers.map(({ code }) => code),
        );
    },
  };
}

async function mustRun(bench: Bench, call: Call, args: Record<string, unknown>): Promise<void> {
  const expected = await bench.expected(call);
  const events: TraceEvent[] = [];
  const stop = onTrace((event) => events.push(event));
  let results: Readonly<Record<string, Tensor>>;
  try {
    results = bench.engine.call(call.op, args);
  } finally {
    stop();
  }
  for (const tensor of Object.values(results)) bench.own(tensor);
  const { inout, sizes } = opCallOf(call, args);
  const outputs = await readAll({
    ...results,
    ...Object.fromEntries(inout.map((name) => [name, args[name] as Tensor])),
  });
  for (const [name, { data }] of Object.entries(expected)) {
    assertClose({ op: call.op, sizes }, mainDType(call), name, outputs[name]!, data);
  }
  for (const [name, before] of Object.entries(call.inputs)) {
    if (!inout.includes(name))
      assertSame(
        `the argument ${name}`,
        (await readAll({ name: args[name] as Tensor }))['name']!,
        before.data,
      );
  }
  const ran = events.filter((event) => event.type === 'op');
  const elsewhere = ran.find(
    ({ backend, fallbackFrom }) => backend !== bench.engine.id || fallbackFrom !== undefined,
  );
  if (elsewhere) throw new Error(`${elsewhere.op} was run by ${elsewhere.backend}.`);
  if (!ran.some(({ op }) => op === call.op)) throw new Error('The trace does not say who ran the op.');
}

function mustRefuse(bench: Bench, call: Call, args: Record<string, unknown>, codes: readonly string[]): void {
  const submitted = bench.guard.submitted();
  const { liveBytes } = bench.engine.memory();
  let thrown: unknown;
  try {
    bench.engine.call(call.op, args);
  } catch (error) {
    thrown = error;
  }
  if (!SsError.is(thrown, 'op-unsupported'))
    throw new Error(`assess says no (${codes.join(', ')}), but the call is not refused.`);
  const given = blockersOf(thrown).map(({ code }) => code);
  if (given.join() !== codes.join())
    throw new Error(`assess says ${codes.join(', ')}; the refusal says ${given.join(', ')}.`);
  if (bench.guard.submitted() !== submitted || bench.engine.memory().liveBytes !== liveBytes) {
    throw new Error('A refused call was submitted or kept memory.');
  }
}

/** An answer that keeps the contract's form. */
export function checkAnswer(answer: Assessment): void {
  if (answer.ok) {
    const { scratchBytes = 0, numerics } = answer;
    if (!Number.isSafeInteger(scratchBytes) || scratchBytes < 0) {
      throw new Error(`The plan's scratchBytes are ${scratchBytes}.`);
    }
    if (numerics !== 'bitwise' && numerics !== 'tolerance')
      throw new Error(`The plan's numerics are ${String(numerics)}.`);
    return;
  }
  if (answer.blockers.length === 0) throw new Error('assess says no without a blocker.');
  for (const { code, message, origin } of answer.blockers) {
    if (!code || !message || !origins.includes(origin))
      throw new Error('A blocker needs a code, a message and an origin.');
  }
}

/** The call as `assess` sees it. */
function opCallOf({ op, options }: Call, args: Record<string, unknown>): OpCall {
  const inputs = Object.fromEntries(
    Object.entries(args)
      .filter(
        (entry): entry is [string, Tensor] =>
          typeof entry[1] === 'object' && entry[1] !== null && 'strides' in entry[1],
      )
      .map(([name, { dtype, shape, strides, offset }]): [string, TensorSpec] => [
        name,
        { dtype, shape, strides, offset },
      ]),
  );
  return callOf(ops[op], inputs, options);
}
