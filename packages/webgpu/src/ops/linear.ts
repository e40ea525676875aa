import { dispatch } from '../shader/kernel.ts';
import type { Kernel } from '../shader/kernel.ts';
import { maybe, operand } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import type { KernelOp } from './kernel-op.ts';
import { refuseFormat, weightOperands } from './packing.ts';
import { product, productScratch } from './product.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { rowsOperand, scatteredRows } from './rows.ts';

const real = { '*': narrowFloats } as const;
const lanes = 64;

export const linear: KernelOp = {
  assess(call, means) {
    const { R, K, M } = call.sizes as { R: number; K: number; M: number };
    return (
      refuseFormat(call) ??
      unsupported(call, real) ?? {
        ok: true,
        numerics: 'tolerance',
        contiguous: scatteredRows(call.inputs, ['x', 'residual']),
        scratchBytes: productScratch({ rows: R, columns: M, inner: K }, means),
        cost: { flops: 2 * R * K * M, bytes: 4 * (R * K + K * M + R * M) },
      }
    );
  },

  dispatches({ inputs, outputs, sizes, scratch }, means) {
    const { R, K, M } = sizes as { R: number; K: number; M: number };
    const { w, scale } = weightOperands(inputs['weight']!);
    const { residual } = inputs;
    return product(
      {
        rows: R,
        columns: M,
        inner: K,
        a: rowsOperand(inputs['x']!),
        b: w,
        y: rowsOperand(outputs['y']!),
        scale,
        bias: maybe(inputs['bias']),
        residual: residual && rowsOperand(residual),
      },
      means,
      scratch,
    );
  },
};

/** sum over rows, a column an invocation */
const columnSums: Kernel = {
  name: 'column sums',
  lanes,
  params: ['rows', 'columns'],
  stores: { y: 'words' },
  code: () => `
fn run(group: u32, lane: u32) {
  let j = group * LANES + lane;
  if (j >= P.columns) { return; }
  var sum = 0.0;
  for (var i = 0u; i < P.rows; i++) { sum += x(i, j); }
  y_put(j, bitcast<u32>(sum));
}`,
};

/** dx = dy W, dW = dy^T x, dbias = the sum of dy over rows. */
export const linearBackward: KernelOp = {
  assess(call, means) {
    const { R, K, M } = call.sizes as { R: number; K: number; M: number };
    return (
      unsupported(call, real) ?? {
        ok: true,
        numerics: 'tolerance',
        contiguous: scatteredRows(call.inputs, ['x', 'dy']),
        scratchBytes: Math.max(
          productScratch({ rows: R, columns: K, inner: M }, means),
          productScratch({ rows: M, columns: K, inner: R }, means),
        ),
        cost: { flops: 4 * R * K * M, bytes: 4 * 2 * (R * K + K * M + R * M) },
      }
    );
  },

  dispatches({ inputs, outputs, sizes, scratch }, means) {
    const { R, K, M } = sizes as { R: number; K: number; M: number };
    const x = rowsOperand(inputs['x']!);
    const dy = rowsOperand(inputs['dy']!);
    const weight = operand(inputs['weight']!);
    const dbias = outputs['dbias'];
    return [
      ...product(
        { rows: R, columns: K, inner: M, a: dy, b: exchanged(weight), y: rowsOperand(outputs['dx']!) },
        means,
        scratch,
      ),
      ...product(
        {
          rows: M,
          columns: K,
          inner: R,
          a: exchanged(dy),
          b: exchanged(x),
          y: operand(outputs['dweight']!),
        },
        means,
        scratch,
      ),
      ...(dbias
        ? [
            dispatch(columnSums, {
              spec: {},
              operands: { x: dy, y: operand(dbias) },
              params: { rows: R, columns: M },
              groups: Math.ceil(M / lanes),
            }),
          ]
        : []),
    ];
  },
};

/** The transposed matrix. */
function exchanged(matrix: Operand): Operand {
  return { ...matrix, strides: matrix.strides.toReversed() };
}
