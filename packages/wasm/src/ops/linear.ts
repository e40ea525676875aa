import { refuse, rowStride } from '@ss/core';
import type { DType, OpCall, Packing, TensorSpec, WeightDType } from '@ss/core';
import { linearArgs, LINEAR_ROWS, PACK_NOT_FINITE, packArgs, PANEL } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

/** Floats of x that are kept at hand while the weights pass by: half of a second-level cache. */
const floatsAtHand = 65_536;

const real = ['f32', 'f16', 'bf16'] as const;
const any = ['f32', 'f16', 'bf16', 'f64'] as const;
/** What weights can be packed as, with the bytes of a value and of what stands beside each row. */
const packable: Partial<Readonly<Record<WeightDType, { readonly value: number; readonly row: number }>>> = {
  f32: { value: 4, row: 0 },
  f16: { value: 2, row: 0 },
  bf16: { value: 2, row: 0 },
  i8: { value: 1, row: 4 },
};

/** The names of packed weights, by what they are stored as; `assembly/panel.ts`. */
function packedFormat(as: WeightDType): string {
  return `wasm:${as}x${PANEL}`;
}

/** How a weight (M, K) is packed: panels of 8 rows, each [k][8], i8 with a scale for each row. */
export function packingOf({ shape }: TensorSpec, as: WeightDType): Packing | undefined {
  const [M = 0, K = 0] = shape;
  const bytes = packable[as];
  if (shape.length !== 2 || bytes === undefined) return undefined;
  return { format: packedFormat(as), byteLength: roundUp(M, PANEL) * (K * bytes.value + bytes.row) };
}

/** What the values of a weight are stored as, packed or not; undefined for a format that is not ours. */
export function storedAs({ format, dtype }: Pick<TensorSpec, 'format' | 'dtype'>): DType | undefined {
  if (format === undefined) return dtype;
  return (Object.keys(packable) as WeightDType[]).find((as) => packedFormat(as) === format);
}

/** A weight in a format of ours, or as it is. */
export function refuseFormat({ op, inputs }: OpCall): ReturnType<typeof refuse> | undefined {
  const { format } = inputs['weight']!;
  if (storedAs(inputs['weight']!) !== undefined) return undefined;
  return refuse({
    code: 'weight-packed',
    message: `wasm has no ${op} with a weight packed as ${format}`,
    origin: 'request',
  });
}

export const pack: KernelOp = {
  assess(call, { threads }) {
    const K = call.inputs['weight']!.shape[1]!;
    return (
      unsupported(call, { '*': real }) ?? {
        ok: true,
        numerics: 'bitwise',
        scratchBytes: threads * roundUp(4 * PANEL * K),
      }
    );
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
          ? `the weight holds infinities or NaN, which packed ${storedAs(packed)} cannot; pack it as f32`
          : `status ${status}`,
      values: {
        M,
        K,
        ...fields(weight, ['weight', 'weight'], { M: 0, K: 1 }),
        weightType: code(weight.dtype),
        packed: addressOf(packed),
        packedType: code(storedAs(packed)!),
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
      contiguous: ['x', 'residual'].filter(
        (name) => call.inputs[name] && rowStride(call.inputs[name]) === undefined,
      ),
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
        weightType: code(storedAs(weight)!),
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

function residualFields(residual: Arg | undefined): {
  residual: number;
  residualR: number;
  residualM: number;
} {
  const { residual: address, residualR, residualK } = rowFields(residual, 'residual');
  return { residual: address, residualR, residualM: residualK };
}

function bytesPer(dtype: DType): number {
  return dtype === 'f32' ? 4 : 2;
}
