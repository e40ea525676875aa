import { dtypes } from '@ss/core';
import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel } from '../shader/kernel.ts';
import { operand, scratchOperand } from '../shader/operand.ts';
import type { KernelOp } from './kernel-op.ts';
import { refuseFormat, weightOperands } from './packing.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { flatOperand, rowsOperand, scattered, scatteredRows } from './rows.ts';

const lanes = 64;
const dtypesOf = { '*': narrowFloats, ids: ['i32'] } as const;

/** Row ids[r] of the table; NaN where there is none. */
const lookUp: Kernel = {
  name: 'embedding',
  lanes,
  params: ['E', 'K', 'V'],
  stores: { y: 'words' },
  code: ({ has, dtype }) => `
fn value(e: u32) -> f32 {
  let id = bitcast<u32>(ids(e / P.K));
  if (id >= P.V) { return bitcast<f32>(0x7fc00000u | P.V); }
  return f32(w(id, e % P.K))${has('scale') ? ' * scale(id)' : ''};
}
${denseMap('y', dtype('y'))}`,
};

export const embedding: KernelOp = {
  assess(call) {
    return (
      refuseFormat(call) ??
      unsupported(call, dtypesOf) ?? {
        ok: true,
        numerics: 'bitwise',
        contiguous: scattered(call.inputs['ids']!) ? ['ids'] : [],
      }
    );
  },

  dispatches({ inputs, outputs, sizes }) {
    const { R, K, V } = sizes as { R: number; K: number; V: number };
    const y = outputs['y']!;
    return [
      dispatch(lookUp, {
        spec: {},
        operands: {
          ids: flatOperand(inputs['ids']!),
          ...weightOperands(inputs['weight']!),
          y: operand(y, []),
        },
        params: { E: R * K, K, V },
        groups: denseGroups(R * K, y.dtype, lanes),
      }),
    ];
  },
};

const none = '0xffffffffu';

/** For every position the next one with the same id, and whether it is the first. */
const chain: Kernel = {
  name: 'embedding chain',
  lanes,
  params: ['R'],
  stores: { next: 'words', first: 'words' },
  code: () => `
fn run(group: u32, lane: u32) {
  let r = group * LANES + lane;
  if (r >= P.R) { return; }
  let id = ids(r);
  var first = 1u;
  for (var s = 0u; s < r; s++) { if (ids(s) == id) { first = 0u; break; } }
  var next = ${none};
  for (var s = r + 1u; s < P.R; s++) { if (ids(s) == id) { next = s; break; } }
  first_put(r, first);
  next_put(r, next);
}`,
};

const zero: Kernel = {
  name: 'zero',
  lanes,
  params: ['E'],
  stores: { y: 'words' },
  code: () => `
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e < P.E) { y_put(e, 0u); }
}`,
};

/** The first position of an id goes from one to the next. */
const gather: Kernel = {
  name: 'embedding gradient',
  lanes,
  params: ['R', 'K', 'V'],
  stores: { y: 'words' },
  code: () => `
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.R * P.K) { return; }
  let r = e / P.K;
  let k = e % P.K;
  let id = bitcast<u32>(ids(r));
  if (id >= P.V || first_word(r) == 0u) { return; }
  var sum = 0.0;
  for (var s = r; s < P.R; s = next_word(s)) { sum += dy(s, k); }
  y_put(id * P.K + k, bitcast<u32>(sum));
}`,
};

/** Rows of dy into the rows that were looked up, in the order of positions. */
export const embeddingBackward: KernelOp = {
  assess(call) {
    const R = call.sizes['R']!;
    return (
      unsupported(call, dtypesOf) ?? {
        ok: true,
        numerics: 'tolerance',
        scratchBytes: Math.max(1, R) * 2 * dtypes.u32.bytes,
        contiguous: [
          ...(scattered(call.inputs['ids']!) ? ['ids'] : []),
          ...scatteredRows(call.inputs, ['dy']),
        ],
      }
    );
  },

  dispatches({ inputs, outputs, sizes, scratch }) {
    const { R, K, V } = sizes as { R: number; K: number; V: number };
    const ids = flatOperand(inputs['ids']!);
    const y = operand(outputs['dweight']!, []);
    const next = scratchOperand(scratch!, 0, [R]);
    const first = scratchOperand(scratch!, R, [R]);
    const params = { R, K, V, E: V * K };
    return [
      dispatch(zero, { spec: {}, operands: { y }, params, groups: Math.ceil((V * K) / lanes) }),
      dispatch(chain, { spec: {}, operands: { ids, next, first }, params, groups: Math.ceil(R / lanes) }),
      dispatch(gather, {
        spec: {},
        operands: { ids, dy: rowsOperand(inputs['dy']!), next, first, y },
        params,
        groups: Math.ceil((R * K) / lanes),
      }),
    ];
  },
};
