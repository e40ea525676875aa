import type { DType, OpCall, Packing, TensorSpec } from '@ss/core';
import { linearArgs, LINEAR_ROWS, PACK_NOT_FINITE, packArgs, PANEL } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { refuse, unsupported } from './refusal.ts';
import { rowFields, rowStride } from './rows.ts';

/** Floats of x that are kept at hand while the weights pass by: half of a second-level cache. */
const floatsAtHand = 65_536;

const real = ['f32', 'f16', 'bf16'] as const;
const any = ['f32', 'f16', 'bf16', 'f64'] as const;
const packable: readonly DType[] = real;

/** The names of packed weights, by what they are stored as; `assembly/panel.ts`. */
export function packedFormat(dtype: DType): string {
  return `wasm:${dtype}x${PANEL}`;
}

/** How a weight (M, K) is packed: panels of 8 rows, each [k][8], in the dtype it is stored as. */
export function packingOf({ dtype, shape }: TensorSpec): Packing | undefined {
  const [M = 0, K = 0] = shape;
  if (shape.length !== 2 || !packable.includes(dtype)) return undefined;
  return { format: packedFormat(dtype), byteLength: roundUp(M, PANEL) * K * (dtype === 'f32' ? 4 : 2) };
}

/** A weight in a format of ours, or as it is. */
export function refuseFormat({ op, inputs }: OpCall): ReturnType<typeof refuse> | undefined {
  const { format, dtype } = inputs['weight']!;
  if (format === undefined || format === packedFormat(dtype)) return undefined;
  return refuse({ code: 'weight-packed', message: `wasm has no ${op} with a weight packed as ${format}`, origin: 'request' });
}

export const pack: KernelOp = {
  assess(call, { threads }) {
    const K = call.inputs['weight']!.shape[1]!;
    return unsupported(call, { '*': real }) ?? { ok: true, numerics: 'bitwise', scratchBytes: threads * roundUp(4 * PANEL * K) };
  },

  works({ inputs, outputs }) {
    const weight = inputs['weight']!;
    const packed = outputs['packed']!;
    const [M = 0, K = 0] = weight.shape;
    const work: Work<typeof packArgs> = {
      kernel: 'pack',
      layout: packArgs,
      units: Math.ceil(M / PANEL),
      scratchBytes: roundUp(4 * PANEL * K),
      cost: M * K,
      fault: (status) =>
        status === PACK_NOT_FINITE
          ? 'the weight holds infinities or NaN, which packed f16 cannot; cast it to f32 first'
          : `status ${status}`,
      values: {
        M,
        K,
        ...fields(weight, ['weight', 'weight'], { M: 0, K: 1 }),
        weightType: code(weight.dtype),
        packed: addressOf(packed),
        packedType: code(packed.dtype),
      },
    };
    return [work];
  },
};

export const linear: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, { '*': real, weight: any, bias: any }) ?? refuseFormat(call);
    if (refused) return refused;
    const { R, K, M } = call.sizes as { R: number; K: number; M: number };
    return {
      ok: true,
      numerics: 'bitwise',
      contiguous: ['x', 'residual'].filter((name) => call.inputs[name] && rowStride(call.inputs[name]) === undefined),
      scratchBytes: threads * linearScratch(R, K),
      cost: { flops: 2 * R * K * M, bytes: 0 },
    };
  },

  works({ inputs, outputs, sizes }) {
    const { R, K, M } = sizes as { R: number; K: number; M: number };
    const { x, weight, bias, residual } = inputs as { x: Arg; weight: Arg; bias?: Arg; residual?: Arg };
    return [
      linearWork({
        R,
        K,
        M,
        dtype: code(x.dtype),
        ...rowFields(x, 'x'),
        weightType: code(weight.dtype),
        packed: weight.format === undefined ? 0 : 1,
        ...fields(weight, ['weight', 'weight'], { M: 0, K: 1 }),
        ...fields(bias, ['bias', 'bias'], { M: 0 }),
        biasType: code(bias?.dtype ?? 'f32'),
        ...residualFields(residual),
        y: addressOf(outputs['y']!),
        yR: M * bytesPer(x.dtype),
      }),
    ];
  },
};

type LinearValues = Omit<Work<typeof linearArgs>['values'], 'rowBlock'>;

/** One product, cut into blocks of rows. */
export function linearWork(values: LinearValues): Work<typeof linearArgs> {
  const { R, K, M } = values;
  const rowBlock = rowsAtHand(R, K);
  return {
    kernel: 'linear',
    layout: linearArgs,
    units: Math.ceil(R / rowBlock) * Math.ceil(M / PANEL),
    scratchBytes: linearScratch(R, K),
    cost: R * K * M,
    values: { ...values, rowBlock },
  };
}

/** Bytes for each thread: x of a block of rows, one panel, an output tile and what stands beside it. */
export function linearScratch(R: number, K: number): number {
  return roundUp(4 * (rowsAtHand(R, K) * K + PANEL * K + 256));
}

function rowsAtHand(R: number, K: number): number {
  const groups = Math.min(Math.floor(floatsAtHand / K / LINEAR_ROWS), Math.ceil(R / LINEAR_ROWS));
  return Math.max(1, groups) * LINEAR_ROWS;
}

function residualFields(residual: Arg | undefined): { residual: number; residualR: number; residualM: number } {
  const { residual: address, residualR, residualK } = rowFields(residual, 'residual');
  return { residual: address, residualR, residualM: residualK };
}

function bytesPer(dtype: DType): number {
  return dtype === 'f32' ? 4 : 2;
}
