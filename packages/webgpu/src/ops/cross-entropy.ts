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
fn run(group: u32, lane: u32) {
  var most = negative_infinity();
  for (var v = lane; v < P.V; v += LANES) { most = max(most, logits(group, v)); }
  most = largest(most, lane);
  var sum = 0.0;
  for (var v = lane; v < P.V; v += LANES) {
    let x = logits(group, v);
    // Infinite ones minus each other would be NaN.
    sum += select(exp_(x - most), 1.0, x == most);
  }
  let log_sum = log_(total(sum, lane));
  if (lane != 0u) { return; }
  ${
    has('loss')
      ? `
  let id = targets(group);
  var loss = 0.0;
  if (id >= 0 && u32(id) < P.V) { loss = (most - logits(group, u32(id))) + log_sum; }
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
  let share = exp_(logits(r, v) - bitcast<f32>(stats_word(2u * r)) - bitcast<f32>(stats_word(2u * r + 1u)));
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
