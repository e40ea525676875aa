import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel } from '../shader/kernel.ts';
import { operand, scratchOperand } from '../shader/operand.ts';
import { largest, negativeInfinity, total } from '../shader/reduce.ts';
import type { Bound, KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';

const lanes = 64;
const dtypes = { '*': ['f32'], logits: narrowFloats, dlogits: narrowFloats, targets: ['i32'] } as const;

/** Largest logit of a row and the logarithm of the sum of what is relative to it, by a workgroup. */
const rowKernel: Kernel = {
  name: 'log softmax',
  lanes,
  params: ['V'],
  stores: { loss: 'words', stats: 'words' },
  code: ({ has }) => `
${total}
${largest}
${negativeInfinity}
fn is_infinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
// Compilers refuse it as a constant.
fn nan() -> f32 { return bitcast<f32>(0x7fc00000u | (P.groups & 0u)); }
fn run(group: u32, lane: u32) {
  var most = negative_infinity();
  var strange = 0.0;
  for (var v = lane; v < P.V; v += LANES) {
    let x = logits(group, v);
    // No number is larger than NaN for all that compilers know; so it is told by its bits.
    if (is_nan(x)) { strange = 1.0; } else { most = max(most, x); }
  }
  most = largest(most, lane);
  var sum = 0.0;
  for (var v = lane; v < P.V; v += LANES) { sum += exp_(logits(group, v) - most); }
  // A row with NaN, with infinity, or with nothing but its negative is no distribution.
  if (is_infinite(most)) { strange = 1.0; }
  let no_distribution = total(strange, lane) > 0.0;
  sum = total(sum, lane);
  let log_sum = select(log_(sum), nan(), no_distribution);
  if (lane != 0u) { return; }
  ${
    has('loss')
      ? `
  let id = targets(group);
  var loss = 0.0;
  if (id >= i32(P.V)) { loss = nan(); }
  else if (id >= 0) { loss = (most - logits(group, u32(id))) + log_sum; }
  loss_put(group, bitcast<u32>(loss));`
      : `
  stats_put(2u * group, bitcast<u32>(most));
  stats_put(2u * group + 1u, bitcast<u32>(log_sum));`
  }
}`,
};

/** (softmax - onehot) dloss */
const gradientKernel: Kernel = {
  name: 'cross entropy gradient',
  lanes,
  params: ['E', 'V'],
  stores: { dlogits: 'words' },
  code: ({ dtype }) => `
fn value(e: u32) -> f32 {
  let r = e / P.V;
  let v = e % P.V;
  let id = targets(r);
  if (id < 0) { return 0.0; }
  if (u32(id) >= P.V) { return bitcast<f32>(0x7fc00000u | P.V); }
  let log_sum = bitcast<f32>(stats_word(2u * r + 1u));
  if (is_nan(log_sum)) { return log_sum; }
  let share = exp_(logits(r, v) - bitcast<f32>(stats_word(2u * r)) - log_sum);
  return dloss(r) * (share - select(0.0, 1.0, v == u32(id)));
}
${denseMap('dlogits', dtype('dlogits'))}`,
};

export const crossEntropy: KernelOp = {
  assess: (call) => unsupported(call, dtypes) ?? { ok: true, numerics: 'bitwise' },
  dispatches: (call) => [
    rows(call, { targets: operand(call.inputs['targets']!), loss: operand(call.outputs['loss']!, []) }),
  ],
};

export const crossEntropyBackward: KernelOp = {
  assess: (call) =>
    unsupported(call, dtypes) ?? {
      ok: true,
      numerics: 'bitwise',
      scratchBytes: 8 * Math.max(1, call.sizes['R']!),
    },

  dispatches(call) {
    const { inputs, outputs, sizes, scratch } = call;
    const { R, V } = sizes as { R: number; V: number };
    const stats = scratchOperand(scratch!, 0, [R, 2]);
    const dlogits = outputs['dlogits']!;
    return [
      rows(call, { stats }),
      dispatch(gradientKernel, {
        spec: {},
        operands: {
          logits: operand(inputs['logits']!),
          targets: operand(inputs['targets']!),
          dloss: operand(inputs['dloss']!),
          stats,
          dlogits: operand(dlogits, []),
        },
        params: { E: R * V, V },
        groups: denseGroups(R * V, dlogits.dtype, lanes),
      }),
    ];
  },
};

function rows({ inputs, sizes }: Bound, more: Dispatch['operands']): Dispatch {
  const { R, V } = sizes as { R: number; V: number };
  return dispatch(rowKernel, {
    spec: {},
    operands: { logits: operand(inputs['logits']!), ...more },
    params: { V },
    groups: R,
  });
}
