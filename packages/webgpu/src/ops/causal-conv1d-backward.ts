import type { OpCall } from '@ss/core';
import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel } from '../shader/kernel.ts';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import { columnCode, convDTypes, convolution, convParams } from './causal-conv1d.ts';
import type { ConvSpec } from './causal-conv1d.ts';
import type { KernelOp } from './kernel-op.ts';
import { unsupported } from './refusal.ts';
import { sumParts } from './sum-parts.ts';

const lanes = 64;
/** Slices that the steps are cut into for the gradient of the weight, and the fewest steps worth one. */
const mostSlices = 64;
const sliceSteps = 64;

/** ds_t = dy_t act'(s_t), in f32. */
const activationKernel: Kernel<ConvSpec> = {
  name: 'convolution gradient of the activation',
  lanes,
  params: convParams,
  stores: { ds: 'words' },
  code: (context) => `${columnCode(context)}
fn value(e: u32) -> f32 {
  let d = e % P.D;
  let row = e / P.D / P.L;
  let t = (e / P.D) % P.L;
  let q = sequence(sequence_of(row, t));
  if (q.slot < 0 || t - q.first >= q.size) { return 0.0; }
  let g = dy(row, t, d);
  return ${context.spec.silu ? 'g * silu_slope(convolved(q, step_of(q, t), d))' : 'g'};
}
${denseMap('ds', 'f32')}`,
};

/** dp_j = sum_k w_k ds_{j - k}, and the cotangent of the final state at its end. */
const columnGradient = (has: (name: string) => boolean): string => `
fn ds_of(q: Sequence, step: u32, d: u32) -> f32 {
  return bitcast<f32>(ds_word((q.row * P.L + time_of(q, step)) * P.D + d));
}
fn dcolumn(q: Sequence, s: u32, j: u32, d: u32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k <= P.past; k++) {
    if (k <= j && j - k < q.size) { sum += weight(d, k) * ds_of(q, j - k, d); }
  }
  ${has('dlast') ? 'if (j >= q.size) { sum += dlast(s, j - q.size, d); }' : ''}
  return sum;
}`;

const inputKernel: Kernel<ConvSpec> = {
  name: 'convolution gradient of the input',
  lanes,
  params: convParams,
  stores: { dx: 'words' },
  code: (context) => `${columnCode(context)}
${columnGradient(context.has)}
fn value(e: u32) -> f32 {
  let d = e % P.D;
  let row = e / P.D / P.L;
  let t = (e / P.D) % P.L;
  let s = sequence_of(row, t);
  let q = sequence(s);
  if (q.slot < 0 || t - q.first >= q.size) { return 0.0; }
  return dcolumn(q, s, P.past + step_of(q, t), d);
}
${denseMap('dx', context.dtype('dx'))}`,
};

/** The sequences that began with a state, in their order. */
const initialKernel: Kernel<ConvSpec> = {
  name: 'convolution gradient of the state',
  lanes,
  params: convParams,
  stores: { dinitial: 'words' },
  code: (context) => `${columnCode(context)}
${columnGradient(context.has)}
fn value(e: u32) -> f32 {
  let d = e % P.D;
  let c = (e / P.D) % P.past;
  let slot = i32(e / P.D / P.past);
  var sum = 0.0;
  for (var s = 0u; s < P.S; s++) {
    let q = sequence(s);
    if (q.slot == slot) { sum += dcolumn(q, s, c, d); }
  }
  return sum;
}
${denseMap('dinitial', context.dtype('dinitial'))}`,
};

/** Part by part of the steps: dw_k = sum_t ds_t p_{t + k}, and dbias = sum_t ds_t behind the last k. */
const weightKernel: Kernel<ConvSpec> = {
  name: 'convolution gradient of the weight',
  lanes,
  params: [...convParams, 'steps', 'all'],
  stores: { parts: 'words' },
  code: (context) => `${columnCode(context)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  let d = e % P.D;
  let k = (e / P.D) % (P.past + 2u);
  let slice = e / P.D / (P.past + 2u);
  let end = min((slice + 1u) * P.steps, P.all);
  var sum = 0.0;
  for (var i = slice * P.steps; i < end; i++) {
    let row = i / P.L;
    let t = i % P.L;
    let q = sequence(sequence_of(row, t));
    if (q.slot < 0 || t - q.first >= q.size) { continue; }
    let ds = bitcast<f32>(ds_word(i * P.D + d));
    if (k > P.past) { sum += ds; } else { sum += ds * column(q, step_of(q, t) + k, d); }
  }
  parts_put((slice * (P.past + 2u) + k) * P.D + d, bitcast<u32>(sum));
}`,
};

/** With p = [initialState, x] in the order of the walk: dp_{t+k} += w_k ds_t, dw_k = sum_t ds_t p_{t+k}. */
export const causalConv1dBackward: KernelOp = {
  assess: (call) =>
    unsupported(call, convDTypes) ?? {
      ok: true,
      numerics: 'tolerance',
      scratchBytes: 4 * (layout(call).ds + layout(call).parts),
    },

  dispatches(call) {
    const { inputs, outputs, sizes, scratch } = call;
    const { D, W } = sizes as { D: number; W: number };
    const { spec, operands, params } = convolution(call);
    const { all, slices, steps, ds: dsSize } = layout(call);
    const ds = scratchOperand(scratch!, 0, [all, D]);
    const parts = scratchOperand(scratch!, dsSize, [slices, W + 1, D]);
    const dx = outputs['dx']!;
    const { dinitialState, dbias } = outputs;
    const sums = { memory: parts, count: slices, size: (W + 1) * D };
    const dlast = maybe(inputs['dfinalState']);
    const gradient = { ...operands, x: undefined, bias: undefined, history: undefined, ds };
    const dlastIfAny = W > 1 ? dlast : undefined;
    return [
      dispatch(activationKernel, {
        spec,
        operands: { ...operands, dy: operand(inputs['dy']!), ds },
        params: { ...params, E: all * D },
        groups: denseGroups(all * D, 'f32', lanes),
      }),
      dispatch(inputKernel, {
        spec,
        operands: { ...gradient, x: operands.x, dlast: dlastIfAny, dx: operand(dx, []) },
        params: { ...params, E: all * D },
        groups: denseGroups(all * D, dx.dtype, lanes),
      }),
      ...(dinitialState && W > 1
        ? [
            dispatch(initialKernel, {
              spec,
              operands: {
                ...gradient,
                x: operands.x,
                dlast: dlastIfAny,
                dinitial: operand(dinitialState, []),
              },
              params: { ...params, E: params['slots']! * (W - 1) * D },
              groups: denseGroups(params['slots']! * (W - 1) * D, dinitialState.dtype, lanes),
            }),
          ]
        : []),
      dispatch(weightKernel, {
        spec,
        operands: { ...operands, ds, parts },
        params: { ...params, E: slices * (W + 1) * D, steps, all },
        groups: Math.ceil((slices * (W + 1) * D) / lanes),
      }),
      sumParts(outputs['dweight']!, { ...sums, inner: W, step: D, transposed: true }),
      ...(dbias
        ? [sumParts(dbias, { ...sums, memory: { ...parts, offset: parts.offset + W * D }, inner: D })]
        : []),
    ];
  },
};

function layout({ sizes }: Pick<OpCall, 'sizes'>): {
  readonly all: number;
  readonly slices: number;
  readonly steps: number;
  readonly ds: number;
  readonly parts: number;
} {
  const { B, L, D, W } = sizes as { B: number; L: number; D: number; W: number };
  const all = B * L;
  const slices = Math.min(mostSlices, Math.ceil(all / sliceSteps));
  return { all, slices, steps: Math.ceil(all / slices), ds: all * D, parts: slices * (W + 1) * D };
}
