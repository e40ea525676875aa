import type { OpName } from '@ss/core';
import type { Random } from '../random.ts';
import { cast, fill } from '../values.ts';
import type { Values } from '../values.ts';
import { inferred, makeCall } from './call.ts';
import type { Call } from './call.ts';

/** Ops with a gradient, by the name of the gradient. */
export const forwardOf: Partial<Readonly<Record<OpName, OpName>>> = {
  selectiveScanBackward: 'selectiveScan',
  causalConv1dBackward: 'causalConv1d',
  linearBackward: 'linear',
  rmsNormBackward: 'rmsNorm',
  crossEntropyBackward: 'crossEntropy',
  embeddingBackward: 'embedding',
};

/** The gradient of a call, with random cotangents of everything it returns. States in place become initial ones. */
export function backwardOf(forward: Call, random: Random): Call {
  const call = withInitialState(forward);
  const { outputs } = inferred(call);
  const cotangents: Record<string, Values> = {};
  for (const [name, { dtype, shape }] of Object.entries(outputs)) {
    cotangents[`d${name}`] = fill(shape, dtype, () => random.normal());
  }
  const op = `${call.op}Backward` as OpName;
  const { finalState: _, ...options } = call.options;
  if (op === 'linearBackward') {
    const { x, weight, bias } = call.inputs;
    return makeCall(op, { x, weight, ...cotangents }, { bias: bias !== undefined });
  }
  if (op === 'embeddingBackward') {
    const { ids, weight } = call.inputs;
    return makeCall(op, { ids, ...cotangents }, { rows: weight!.shape[0] });
  }
  return makeCall(op, { ...call.inputs, ...cotangents }, options);
}

function withInitialState(call: Call): Call {
  const { state, ...inputs } = call.inputs;
  if (state === undefined) return call;
  const initialState = call.op === 'causalConv1d' ? cast(state, inputs['x']!.dtype) : state;
  return { ...call, inputs: { ...inputs, initialState }, options: { ...call.options, finalState: true } };
}
