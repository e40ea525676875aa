import { axisPieces, dtypes as dtypeInfo, elementSpan, refuse } from '@ss/core';
import type { AxisPiece, DType, OpCall, Refusal, TensorSpec } from '@ss/core';
import {
  MAP_ADD,
  MAP_CAST,
  MAP_CHUNK,
  MAP_MOVE,
  MAP_SILU,
  MAP_SOFTPLUS,
  mapArgs,
} from '../kernels/layout.generated.ts';
import { code, fields, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { unsupported } from './refusal.ts';

/** Axes that the kernel walks; what has more is walked in pieces. */
const mostAxes = 6;
const axes: Readonly<Record<'0' | '1' | '2' | '3' | '4' | '5', number>> = {
  0: 0,
  1: 1,
  2: 2,
  3: 3,
  4: 4,
  5: 5,
};
const real = { '*': ['f32', 'f16', 'bf16'] } as const;
const scratchBytes = roundUp(2 * 4 * MAP_CHUNK);

export const add: KernelOp = pointwise(MAP_ADD, 'a', 'b');
export const silu: KernelOp = pointwise(MAP_SILU, 'x');
export const softplus: KernelOp = pointwise(MAP_SOFTPLUS, 'x');

function pointwise(kind: number, first: string, second?: string): KernelOp {
  const operands = second === undefined ? [first] : [first, second];
  return {
    assess(call, { threads }) {
      const specs = [...operands.map((name) => call.inputs[name]!), call.outputs['y']!];
      return (
        unsupported(call, real) ??
        tooManyAxes(call, specs) ?? {
          ok: true,
          numerics: 'bitwise',
          scratchBytes: threads * scratchBytes,
          cost: { flops: call.sizes['E']!, bytes: 0 },
        }
      );
    },
    works: ({ inputs, outputs }) =>
      mapWorks(kind, inputs[first]!, second === undefined ? undefined : inputs[second]!, outputs['y']!),
  };
}

/** Between overlapping views of one state it goes through the scratch behind that of the threads. */
export const copy: KernelOp = {
  assess(call, { threads }) {
    const x = call.inputs['x']!;
    const to = call.outputs['y'] ?? call.inputs['to']!;
    const refused = tooManyAxes(call, [x, to]);
    if (refused) return refused;
    const staging = call.inputs['to'] ? roundUp(stagingBytes(x)) : 0;
    return {
      ok: true,
      numerics: 'bitwise',
      scratchBytes: threads * scratchBytes + staging,
      cost: { flops: 0, bytes: 2 * stagingBytes(x) },
    };
  },

  works({ inputs, outputs, scratch }, { threads }) {
    const x = inputs['x']!;
    const to = outputs['y'] ?? inputs['to']!;
    const kind = x.dtype === to.dtype ? MAP_MOVE : MAP_CAST;
    if (!inputs['to'] || !overlap(x, to)) return mapWorks(kind, x, undefined, to);
    const staged = {
      ...dense(x),
      buffer: scratch!,
      offset: (threads * scratchBytes) / dtypeInfo[x.dtype].bytes,
    };
    return [...mapWorks(MAP_MOVE, x, undefined, staged), ...mapWorks(kind, staged, undefined, to)];
  },
};

function tooManyAxes({ op }: OpCall, views: readonly TensorSpec[]): Refusal | undefined {
  if (axisPieces(views, mostAxes)) return undefined;
  return refuse({
    code: 'rank-unsupported',
    message: `wasm has no ${op} of views of ${views[0]!.shape.length} axes that are so far from neighbours in memory`,
    origin: 'request',
    fix: 'Do it piece by piece.',
  });
}

/** One work for each piece of the views that has as few axes as the kernel walks. */
function mapWorks(kind: number, x: Arg, b: Arg | undefined, y: Arg): Work<typeof mapArgs>[] {
  const views = b ? [x, y, b] : [x, y];
  return axisPieces(views, mostAxes)!.map((piece) => mapWork(kind, views, piece));
}

function mapWork(kind: number, views: readonly Arg[], piece: AxisPiece): Work<typeof mapArgs> {
  const { extents, strides, offsets } = piece;
  const [x, y, b] = views as [Arg, Arg, Arg | undefined];
  const missing = mostAxes - extents.length;
  const padded = [...Array.from({ length: missing }, () => 1), ...extents];
  const view = (v: number): Arg => ({
    ...views[v]!,
    shape: padded,
    strides: [...Array.from({ length: missing }, () => 0), ...strides[v]!],
    offset: views[v]!.offset + offsets[v]!,
  });
  const [e0, e1, e2, e3, e4, e5] = padded as [number, number, number, number, number, number];
  const elements = padded.reduce((product, extent) => product * extent, 1);
  return {
    kernel: 'map',
    layout: mapArgs,
    units: e0 * e1 * e2 * e3 * e4 * Math.ceil(e5 / MAP_CHUNK),
    scratchBytes,
    cost: elements,
    values: {
      kind,
      xType: kind === MAP_MOVE ? dtypeInfo[x.dtype].bytes : code(x.dtype),
      yType: kind === MAP_MOVE ? dtypeInfo[y.dtype].bytes : code(y.dtype),
      e0,
      e1,
      e2,
      e3,
      e4,
      e5,
      ...fields(view(0), ['x', 'x'], axes),
      ...fields(view(1), ['y', 'y'], axes),
      ...fields(b && view(2), ['b', 'b'], axes),
    },
  };
}

function stagingBytes({ shape, dtype }: { shape: readonly number[]; dtype: DType }): number {
  return shape.reduce((product, extent) => product * extent, 1) * dtypeInfo[dtype].bytes;
}

function dense<S extends TensorSpec>(spec: S): S {
  const strides = spec.shape.map((_, axis) =>
    spec.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1),
  );
  return { ...spec, strides };
}

/** True when two views of one buffer may share an element. */
function overlap(a: Arg, b: Arg): boolean {
  if (a.buffer !== b.buffer) return false;
  const bytes = ({ dtype, ...layout }: Arg): readonly [number, number] => {
    const { start, end } = elementSpan(layout);
    return [start * dtypeInfo[dtype].bytes, end * dtypeInfo[dtype].bytes];
  };
  const [aStart, aEnd] = bytes(a);
  const [bStart, bEnd] = bytes(b);
  return aStart < bEnd && bStart < aEnd;
}
