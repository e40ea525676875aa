import type { OpName } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { Random } from '../random.ts';
import { cast, fill } from '../values.ts';
import type { Values } from '../values.ts';
import { inferred, makeCall } from './call.ts';
import type { Call } from './call.ts';

/** The op that an op is the gradient of. */
export function forwardOf(op: OpName): OpName | undefined {
  return Object.values(ops).find(({ gradient }) => gradient?.op === op)?.name;
}

/** The gradient of a call, with random cotangents of everything it returns. States in place become initial ones. */
export function backwardOf(forward: Call, random: Random): Call {
  const call = withInitialState(forward);
  const { gradient } = ops[call.op];
  if (gradient === undefined) throw new Error(`${call.op} has no gradient.`);
  const cotangents: Record<string, Values> = {};
  for (const [name, { dtype, shape }] of Object.entries(inferred(call).outputs)) {
    cotangents[`d${name}`] = fill(shape, dtype, () => random.normal());
  }
  const taken = gradient.inputs ?? Object.keys(call.inputs);
  const inputs = Object.fromEntries(taken.map((name) => [name, call.inputs[name]]));
  const own = Object.keys(ops[gradient.op].options).map((name) => [name, call.options[name]]);
  const options = gradient.options?.(call.inputs, call.options) ?? Object.fromEntries(own);
  return makeCall(gradient.op, { ...inputs, ...cotangents }, options);
}

function withInitialState(call: Call): Call {
  const { state, ...inputs } = call.inputs;
  if (state === undefined) return call;
  const initialState = call.op === 'causalConv1d' ? cast(state, inputs['x']!.dtype) : state;
  return { ...call, inputs: { ...inputs, initialState }, options: { ...call.options, finalState: true } };
}
