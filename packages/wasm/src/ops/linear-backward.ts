import type { OpCall } from '@ss/core';
import { dtypes, rowStride } from '@ss/core';
import { mapArgs, MAP_CAST, MAP_CHUNK } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp, stride } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { linearScratch, linearWork } from './linear.ts';
import { sumParts } from './parts.ts';
import { unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

const real = ['f32', 'f16', 'bf16'] as const;
const none = { bias: 0, biasM: 0, biasType: 0, residual: 0, residualR: 0, residualM: 0 } as const;

/**
 * Two products of the kernel that runs the forward: dx = dy W is dy times the transpose of W, and dW = dy^T x
 * is dy^T times the transpose of x, both by strides. dy is widened once, since dW and dbias are f32.
 */
export const linearBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, { '*': real, weight: ['f32', 'f16', 'bf16', 'f64'] });
    if (refused) return refused;
    const { R, K, M } = call.sizes as { R: number; K: number; M: number };
    return {
      ok: true,
      numerics: 'tolerance',
      contiguous: ['x', 'dy'].filter((name) => rowStride(call.inputs[name]!) === undefined),
      scratchBytes: threads * threadScratch(call) + 4 * R * M,
      cost: { flops: 4 * R * K * M, bytes: 0 },
    };
  },

  works(call, { threads }) {
    const { R, K, M } = call.sizes as { R: number; K: number; M: number };
    const { x, weight, dy } = call.inputs as { x: Arg; weight: Arg; dy: Arg };
    const { dx, dweight, dbias } = call.outputs as { dx: Arg; dweight: Arg; dbias?: Arg };
    const wide = call.scratch!.address + threads * threadScratch(call);
    const dyRows = rowFields(dy, 'dy');
    const xRows = rowFields(x, 'x');
    return [
      widen(dy, wide, R, M),
      linearWork({
        R,
        K: M,
        M: K,
        ...none,
        dtype: code(dy.dtype),
        x: dyRows.dy,
        xR: dyRows.dyR,
        xK: dyRows.dyK,
        weightType: code(weight.dtype),
        packed: 0,
        ...fields(weight, ['weight', 'weight'], { M: 1, K: 0 }),
        y: addressOf(dx),
        yR: K * dtypes[dx.dtype].bytes,
      }),
      linearWork({
        R: M,
        K: R,
        M: K,
        ...none,
        dtype: code('f32'),
        x: wide,
        xR: 4,
        xK: 4 * M,
        weightType: code(x.dtype),
        packed: 0,
        weight: xRows.x,
        weightM: xRows.xK,
        weightK: xRows.xR,
        y: addressOf(dweight),
        yR: 4 * K,
      }),
      ...(dbias ? [sumParts(dbias, { address: wide, groups: 1, count: R, rows: 1, width: M })] : []),
    ];
  },
};

/** dy as dense f32. */
function widen(dy: Arg, to: number, rows: number, width: number): Work<typeof mapArgs> {
  const unused = {
    e0: 1,
    e1: 1,
    e2: 1,
    e3: 1,
    x0: 0,
    x1: 0,
    x2: 0,
    x3: 0,
    y0: 0,
    y1: 0,
    y2: 0,
    y3: 0,
    b: 0,
    b0: 0,
    b1: 0,
    b2: 0,
    b3: 0,
    b4: 0,
    b5: 0,
  };
  const { dy: x, dyR: x4 } = rowFields(dy, 'dy');
  return {
    kernel: 'map',
    layout: mapArgs,
    units: rows * Math.ceil(width / MAP_CHUNK),
    scratchBytes: roundUp(8 * MAP_CHUNK),
    cost: rows * width,
    values: {
      ...unused,
      kind: MAP_CAST,
      xType: code(dy.dtype),
      yType: code('f32'),
      e4: rows,
      e5: width,
      x,
      x4,
      x5: stride(dy, dy.shape.length - 1),
      y: to,
      y4: 4 * width,
      y5: 4,
    },
  };
}

function threadScratch({ sizes }: Pick<OpCall, 'sizes'>): number {
  const { R, M } = sizes as { R: number; M: number };
  return Math.max(linearScratch(R, M), linearScratch(M, R), roundUp(8 * MAP_CHUNK));
}
