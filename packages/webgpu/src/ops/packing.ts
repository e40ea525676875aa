import { dtypes, refuse } from '@ss/core';
import type { DType, OpCall, Packing, Refusal, TensorSpec, WeightDType } from '@ss/core';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel, Spec } from '../shader/kernel.ts';
import { operand } from '../shader/operand.ts';
import type { Arg, Operand } from '../shader/operand.ts';
import { bitsOf } from '../shader/storage.ts';
import type { KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';

/** What weights can be packed as: rows of K values, each from a whole word on; i8 behind an f32 scale for each row. */
const packable: readonly WeightDType[] = ['f32', 'f16', 'bf16', 'i8'];
const lanes = 64;

function formatOf(as: WeightDType): string {
  return `webgpu:${as}`;
}

export function packingOf({ shape }: TensorSpec, as: WeightDType): Packing | undefined {
  const [M = 0, K = 0] = shape;
  if (shape.length !== 2 || !packable.includes(as)) return undefined;
  return { format: formatOf(as), byteLength: M * rowWords(K, as) * 4 + scaleBytes(M, as) };
}

/** What the values of a weight are stored as, packed or not; undefined for a format that is not ours. */
export function storedAs({ format, dtype }: Pick<TensorSpec, 'format' | 'dtype'>): DType | undefined {
  if (format === undefined) return dtype;
  return packable.find((as) => formatOf(as) === format);
}

/** Refuses a packed weight of another backend's. */
export function refuseFormat({ op, inputs }: OpCall): Refusal | undefined {
  const { format } = inputs['weight']!;
  if (storedAs(inputs['weight']!) !== undefined) return undefined;
  return refuse({
    code: 'weight-packed',
    message: `webgpu has no ${op} with a weight packed as ${format}`,
    origin: 'request',
  });
}

/** A weight (M, K) as operands: its values, and the scales of i8. */
export function weightOperands(weight: Arg): { readonly w: Operand; readonly scale: Operand | undefined } {
  if (weight.format === undefined) return { w: operand(weight), scale: undefined };
  const dtype = storedAs(weight)! as WeightDType;
  const [M, K] = weight.shape as [number, number];
  const { bytes } = dtypes[dtype];
  const memory = weight.buffer;
  const offset = scaleBytes(M, dtype) / bytes;
  const strides = [(rowWords(K, dtype) * 4) / bytes, 1];
  return {
    w: { dtype, memory, offset, strides },
    scale: dtype === 'i8' ? { dtype: 'f32', memory, offset: 0, strides: [1] } : undefined,
  };
}

/** A word of one row, K values of a float dtype. */
const packKernel: Kernel = {
  name: 'pack',
  lanes,
  params: ['M', 'K', 'words'],
  stores: { w: 'words' },
  code: ({ dtype }) => {
    const per = 4 / dtypes[dtype('w')].bytes;
    return `
fn run(group: u32, lane: u32) {
  let i = group * LANES + lane;
  if (i >= P.M * P.words) { return; }
  let m = i / P.words;
  let first = (i % P.words) * ${per}u;
  var word = 0u;
  for (var j = 0u; j < ${per}u; j++) {
    let k = first + j;
    if (k < P.K) { word |= ${bitsOf(dtype('w'), 'x(m, k)')} << (j * ${32 / per}u); }
  }
  w_put(i, word);
}`;
  },
};

/**
 * Symmetric, row by row, a workgroup each: scale = max_k |w_k| / 127 and q_k = w_k / scale to the nearest integer. A row of zeros
 * has scale 0. A row that is not finite, which i8 cannot say, gets the scale NaN, so that everything made of it shows it.
 */
const quantiseKernel: Kernel<Spec> = {
  name: 'quantise',
  lanes,
  params: ['M', 'K', 'words'],
  stores: { w: 'words', scale: 'words' },
  code: () => `
var<workgroup> most: array<u32, LANES>;
fn run(group: u32, lane: u32) {
  // Sizes of floats are in the order of their bits, NaN above all.
  var own = 0u;
  for (var k = lane; k < P.K; k += LANES) { own = max(own, bitcast<u32>(x(group, k)) & 0x7fffffffu); }
  most[lane] = own;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) { own = max(own, most[i]); }
  let finite = own < 0x7f800000u;
  let size = bitcast<f32>(own) / 127.0;
  if (lane == 0u) { scale_put(group, select(0x7fc00000u, bitcast<u32>(size), finite)); }
  for (var i = lane; i < P.words; i += LANES) {
    var word = 0u;
    for (var j = 0u; j < 4u; j++) {
      let k = 4u * i + j;
      if (k < P.K && finite && size > 0.0) {
        let q = i32(clamp(round(x(group, k) / size), -127.0, 127.0));
        word |= (bitcast<u32>(q) & 0xffu) << (8u * j);
      }
    }
    w_put(group * P.words + i, word);
  }
}`,
};

export const pack: KernelOp = {
  assess: (call) => unsupported(call, { '*': narrowFloats }) ?? { ok: true, numerics: 'bitwise' },

  dispatches({ inputs, outputs }) {
    const weight = inputs['weight']!;
    const packed = outputs['packed']!;
    const [M, K] = weight.shape as [number, number];
    const { w, scale } = weightOperands(packed);
    const words = rowWords(K, w.dtype as WeightDType);
    return [
      dispatch(scale ? quantiseKernel : packKernel, {
        spec: {},
        operands: { x: operand(weight), w, scale },
        params: { M, K, words },
        groups: scale ? M : Math.ceil((M * words) / lanes),
      }),
    ];
  },
};

function rowWords(K: number, as: WeightDType): number {
  return Math.ceil((K * dtypes[as].bytes) / 4);
}

function scaleBytes(M: number, as: WeightDType): number {
  return as === 'i8' ? 4 * M : 0;
}
