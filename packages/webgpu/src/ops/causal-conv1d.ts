import type { AllowedDTypes, OpCall } from '@ss/core';
import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel, KernelContext, Spec } from '../shader/kernel.ts';
import { maybe, operand } from '../shader/operand.ts';
import type { Bound, KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import {
  sequenceCode,
  sequenceOperands,
  sequenceParams,
  sequenceValues,
  slotCode,
  slotParams,
} from './sequences.ts';

const lanes = 64;
export const convDTypes: AllowedDTypes = {
  '*': narrowFloats,
  cuSeqlens: ['i32'],
  stateIndices: ['i32'],
};
export const convParams: readonly string[] = [...sequenceParams, 'E', 'D', 'past'];

export interface ConvSpec extends Spec {
  readonly silu: boolean;
  readonly reverse: boolean;
}

/**
 * With the W - 1 columns of history in front, a sequence in the order of the walk is one array: output s sees columns s
 * to s + W - 1, and the last W - 1 columns are the final state.
 */
export function columnCode({ has, spec }: KernelContext<ConvSpec>): string {
  return `${sequenceCode(has, spec.reverse)}
fn column(q: Sequence, c: u32, d: u32) -> f32 {
  if (c >= P.past) { return x(q.row, time_of(q, c - P.past), d); }
  return ${has('history') ? 'history(u32(q.slot), c, d)' : '0.0'};
}
${
  has('weight')
    ? `
// Before the activation.
fn convolved(q: Sequence, step: u32, d: u32) -> f32 {
  var sum = ${has('bias') ? 'bias(d)' : '0.0'};
  for (var k = 0u; k <= P.past; k++) { sum += weight(d, k) * column(q, step + k, d); }
  return sum;
}`
    : ''
}`;
}

const outputKernel: Kernel<ConvSpec> = {
  name: 'convolution',
  lanes,
  params: convParams,
  stores: { y: 'words' },
  code: (context) => `${columnCode(context)}
fn value(e: u32) -> f32 {
  let d = e % P.D;
  let row = e / P.D / P.L;
  let t = (e / P.D) % P.L;
  let q = sequence(sequence_of(row, t));
  if (q.slot < 0 || t - q.first >= q.size) { return padding_of(q.slot); }
  let sum = convolved(q, step_of(q, t), d);
  return ${context.spec.silu ? 'silu_(sum)' : 'sum'};
}
${denseMap('y', context.dtype('y'))}`,
};

/** The last columns of every sequence, oldest first; in place, where none is read after it was overwritten. */
const stateKernel: Kernel<ConvSpec & { readonly bySlot: boolean }> = {
  name: 'convolution state',
  lanes,
  params: convParams,
  stores: { last: 'elements' },
  code: (context) => `${columnCode(context)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  let s = e / P.D;
  let d = e % P.D;
  let q = sequence(s);
  ${context.spec.bySlot ? 'if (q.slot < 0) { return; } let to = u32(q.slot);' : 'let to = s;'}
  for (var c = 0u; c < P.past; c++) {
    var value = padding_of(q.slot);
    if (q.slot >= 0) { value = column(q, q.size + c, d); }
    last_store(last_at(to, c, d), value);
  }
}`,
};

export const causalConv1d: KernelOp = {
  assess: (call) => unsupported(call, convDTypes) ?? { ok: true, numerics: 'bitwise', cost: convCost(call) },

  dispatches(call) {
    const { inputs, outputs, sizes } = call;
    const { B, L, D } = sizes as { B: number; L: number; D: number };
    const y = outputs['y']!;
    const last = outputs['finalState'] ?? inputs['state'];
    const { spec, operands, params } = convolution(call);
    const E = params['S']! * D;
    return [
      dispatch(outputKernel, {
        spec,
        operands: { ...operands, y: operand(y, []) },
        params: { ...params, E: B * L * D },
        groups: denseGroups(B * L * D, y.dtype, lanes),
      }),
      ...(last && params['past']! > 0
        ? [
            dispatch(stateKernel, {
              spec: { ...spec, bySlot: inputs['state'] !== undefined },
              operands: { ...operands, weight: undefined, bias: undefined, last: operand(last) },
              params: { ...params, E },
              groups: Math.ceil(E / lanes),
            }),
          ]
        : []),
    ];
  },
};

/** One step: a channel an invocation, so that its state is shifted by whoever has read it. */
const updateKernel: Kernel<ConvSpec> = {
  name: 'convolution step',
  lanes,
  params: ['E', 'D', 'past', ...slotParams],
  stores: { y: 'elements', state: 'elements' },
  code: ({ has, spec }) => `${slotCode(has)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  let b = e / P.D;
  let d = e % P.D;
  let slot = slot_of(b);
  if (slot < 0) { y_store(y_at(b, d), padding_of(slot)); return; }
  let own = u32(slot);
  let newest = x(b, d);
  var sum = ${has('bias') ? 'bias(d)' : '0.0'};
  ${
    has('state')
      ? `
  for (var c = 0u; c < P.past; c++) {
    sum += weight(d, c) * state(own, c, d);
    var next = newest;
    if (c + 1u < P.past) { next = state(own, c + 1u, d); }
    state_store(state_at(own, c, d), next);
  }`
      : ''
  }
  sum += weight(d, P.past) * newest;
  y_store(y_at(b, d), ${spec.silu ? 'silu_(sum)' : 'sum'});
}`,
};

export const causalConv1dUpdate: KernelOp = {
  assess: (call) => unsupported(call, convDTypes) ?? { ok: true, numerics: 'bitwise', cost: convCost(call) },

  dispatches(call) {
    const { inputs, outputs, sizes } = call;
    const { B, D } = sizes as { B: number; D: number };
    const { spec, operands, params } = convolution(call);
    const { x, weight, bias, indices } = operands;
    // A convolution of width 1 has nothing to remember.
    const state = params['past']! > 0 ? operand(inputs['state']!) : undefined;
    return [
      dispatch(updateKernel, {
        spec,
        operands: { x, weight, bias, indices, state, y: operand(outputs['y']!) },
        params: { ...params, E: B * D },
        groups: Math.ceil((B * D) / lanes),
      }),
    ];
  },
};

/** What all kernels of a convolution share. */
export function convolution(call: Bound): {
  readonly spec: ConvSpec;
  readonly operands: Readonly<
    Record<'x' | 'weight' | 'bias' | 'history' | 'cu' | 'indices', ReturnType<typeof maybe>>
  >;
  readonly params: Readonly<Record<string, number>>;
} {
  const { inputs, sizes, options } = call;
  const past = sizes['W']! - 1;
  const history = inputs['initialState'] ?? inputs['state'];
  return {
    spec: { silu: options['activation'] === 'silu', reverse: options['reverse'] === true },
    operands: {
      x: maybe(inputs['x']),
      weight: maybe(inputs['weight']),
      bias: maybe(inputs['bias']),
      history: past > 0 ? maybe(history) : undefined,
      ...sequenceOperands(call),
    },
    params: { ...sequenceValues(call), D: sizes['D']!, past },
  };
}

function convCost({ sizes }: OpCall): { readonly flops: number; readonly bytes: number } {
  const { B, L = 1, D, W } = sizes as { B: number; L?: number; D: number; W: number };
  return { flops: 2 * B * L * D * W, bytes: 8 * B * L * D };
}
