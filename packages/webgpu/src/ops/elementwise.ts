import { axisPieces, denseStrides, dtypes, elementCount, elementSpan, isContiguous, refuse } from '@ss/core';
import type { AxisPiece, DType, OpCall, Refusal, TensorSpec } from '@ss/core';
import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, KernelContext, Spec } from '../shader/kernel.ts';
import type { Arg, Operand } from '../shader/operand.ts';
import { loadedAs } from '../shader/storage.ts';
import { castExpression, castMath } from './cast.ts';
import type { KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';

/** Axes that the kernels walk; what has more is walked in pieces. */
const mostAxes = 8;
const lanes = 64;
const real = { '*': narrowFloats } as const;

interface MapSpec extends Spec {
  readonly kind: 'move' | 'cast' | 'add' | 'silu' | 'softplus';
  readonly axes: number;
}

/** y = f(x) or f(x, b), element by element, into a dense y. */
const mapKernel: Kernel<MapSpec> = {
  name: 'map',
  lanes,
  params: ['E', ...extentNames()],
  stores: { y: 'words' },
  code: (context) => `${position(context.spec.axes)}
${castMath}
${valueCode(context)}
${denseMap('y', context.dtype('y'), context.spec.kind === 'move')}`,
};

/** The same into any view, an element an invocation. */
const scatterKernel: Kernel<MapSpec> = {
  name: 'scatter',
  lanes,
  params: ['E', ...extentNames()],
  stores: { y: 'elements' },
  code: (context) => `${position(context.spec.axes)}
${castMath}
${valueCode(context)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  ${at('y', context.spec.axes)}
  ${context.spec.kind === 'move' ? 'y_set(y_i, bits(e));' : 'y_store(y_i, value(e));'}
}`,
};

/** Elements of 8 bytes, moved. */
const wideKernel: Kernel<MapSpec> = {
  name: 'wide',
  lanes,
  params: ['E', ...extentNames()],
  stores: { y: 'elements' },
  code: ({ spec }) => `${position(spec.axes)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  ${at('x', spec.axes)}
  ${at('y', spec.axes)}
  for (var half = 0u; half < 2u; half++) {
    y_put(2u * (y_i - P.y_o) + half, x_word(2u * (x_i - P.x_o) + half));
  }
}`,
};

export const add: KernelOp = pointwise('add', 'a', 'b');
export const silu: KernelOp = pointwise('silu', 'x');
export const softplus: KernelOp = pointwise('softplus', 'x');

function pointwise(kind: MapSpec['kind'], first: string, second?: string): KernelOp {
  const operands = second === undefined ? [first] : [first, second];
  return {
    assess(call) {
      const specs = [...operands.map((name) => call.inputs[name]!), call.outputs['y']!];
      return (
        unsupported(call, real) ??
        tooManyAxes(call, specs) ?? {
          ok: true,
          numerics: 'bitwise',
          cost: { flops: call.sizes['E']!, bytes: 0 },
        }
      );
    },
    dispatches: ({ inputs, outputs }) =>
      maps(kind, inputs[first]!, outputs['y']!, second === undefined ? undefined : inputs[second]!),
  };
}

/** Between overlapping views of one state it goes through scratch. */
export const copy: KernelOp = {
  assess(call) {
    const x = call.inputs['x']!;
    const to = call.outputs['y'] ?? call.inputs['to']!;
    if (x.dtype !== to.dtype && (!loadedAs(x.dtype) || !loadedAs(to.dtype))) {
      return refuse({
        code: 'dtype-unsupported',
        message: `webgpu has no cast from ${x.dtype} to ${to.dtype}`,
        origin: 'request',
        fix: "select({ fallback: 'op' }) lets another backend run such calls",
      });
    }
    const refused = tooManyAxes(call, [x, to]);
    if (refused) return refused;
    return {
      ok: true,
      numerics: 'bitwise',
      ...(call.inputs['to'] && { scratchBytes: Math.max(4, bytesOf(x)) }),
      cost: { flops: 0, bytes: 2 * bytesOf(x) },
    };
  },

  dispatches({ inputs, outputs, scratch }) {
    const x = inputs['x']!;
    const to = outputs['y'] ?? inputs['to']!;
    const kind = x.dtype === to.dtype ? 'move' : 'cast';
    if (!inputs['to'] || !overlap(x, to)) return maps(kind, x, to);
    const staged: Arg = { ...x, strides: denseStrides(x.shape), offset: 0, buffer: scratch! };
    return [...moves(x, staged), ...maps(kind, staged, to)];
  },
};

function tooManyAxes({ op }: OpCall, views: readonly TensorSpec[]): Refusal | undefined {
  if (axisPieces(views, mostAxes)) return undefined;
  return refuse({
    code: 'rank-unsupported',
    message: `webgpu has no ${op} of views of ${views[0]!.shape.length} axes that are so far from neighbours in memory`,
    origin: 'request',
    fix: 'Do it piece by piece.',
  });
}

/** Copies between views of the same shape and dtype that do not overlap. */
export function moves(x: Arg, y: Arg): readonly Dispatch[] {
  return maps('move', x, y);
}

/** One run for each piece of the views that has as few axes as the kernels walk. */
function maps(kind: MapSpec['kind'], x: Arg, y: Arg, b?: Arg): readonly Dispatch[] {
  const views = b ? [x, y, b] : [x, y];
  return axisPieces(views, mostAxes)!.map((piece) => map(kind, views, piece));
}

function map(kind: MapSpec['kind'], views: readonly Arg[], piece: AxisPiece): Dispatch {
  const { extents, strides, offsets } = piece;
  const [, y, b] = views as [Arg, Arg, Arg | undefined];
  const E = elementCount(extents);
  const view = (v: number): Operand => {
    const { dtype, buffer, offset } = views[v]!;
    return { dtype, memory: buffer, offset: offset + offsets[v]!, strides: strides[v]! };
  };
  const operands = { x: view(0), y: view(1), b: b && view(2) };
  const params = Object.fromEntries(extentNames().map((name, axis) => [name, extents[axis] ?? 1]));
  const { bytes } = dtypes[y.dtype];
  const dense = isContiguous({ shape: extents, strides: strides[1]! });
  const words = dense && (operands.y.offset * bytes) % 4 === 0;
  const kernel = bytes > 4 ? wideKernel : words ? mapKernel : scatterKernel;
  return dispatch(kernel, {
    spec: { kind, axes: extents.length },
    operands,
    params: { E, ...params },
    groups: words && bytes <= 4 ? denseGroups(E, y.dtype, lanes) : Math.ceil(E / lanes),
  });
}

function extentNames(): string[] {
  return Array.from({ length: mostAxes }, (_, axis) => `e${axis}`);
}

/** The index of element e on every axis, in row-major order. */
function position(axes: number): string {
  const lines = Array.from({ length: axes }, (_, i) => axes - 1 - i).map((axis) =>
    axis === 0 ? 'index[0] = rest;' : `index[${axis}] = rest % P.e${axis}; rest /= P.e${axis};`,
  );
  return `
fn position(e: u32) -> array<u32, ${Math.max(1, axes)}> {
  var index: array<u32, ${Math.max(1, axes)}>;
  var rest = e;
  ${lines.join('\n  ')}
  return index;
}`;
}

/** Declares `name_i`, where element e of an operand lies. */
function at(name: string, axes: number): string {
  const indices = Array.from({ length: axes }, (_, axis) => `at_${name}[${axis}]`).join(', ');
  return `let at_${name} = position(e); let ${name}_i = ${name}_at(${indices});`;
}

function valueCode({ spec: { kind, axes }, dtype, has }: KernelContext<MapSpec>): string {
  if (kind === 'move') return `fn bits(e: u32) -> u32 { ${at('x', axes)} return x_bits(x_i); }`;
  const x = 'x_load(x_i)';
  const result: Readonly<Record<Exclude<MapSpec['kind'], 'move'>, string>> = {
    add: `${x} + b_load(b_i)`,
    silu: `silu_(${x})`,
    softplus: `softplus_(${x})`,
    cast: kind === 'cast' ? castExpression(x, dtype('x'), dtype('y')) : '',
  };
  return `
fn value(e: u32) -> ${loadedAs(dtype('y'))} {
  ${at('x', axes)}
  ${has('b') ? at('b', axes) : ''}
  return ${result[kind]};
}`;
}

function bytesOf({ shape, dtype }: { readonly shape: readonly number[]; readonly dtype: DType }): number {
  return elementCount(shape) * dtypes[dtype].bytes;
}

/** True when two views of one buffer may share an element. */
function overlap(a: Arg, b: Arg): boolean {
  if (a.buffer !== b.buffer) return false;
  const bytes = ({ dtype, ...layout }: Arg): readonly [number, number] => {
    const { start, end } = elementSpan(layout);
    return [start * dtypes[dtype].bytes, end * dtypes[dtype].bytes];
  };
  const [aStart, aEnd] = bytes(a);
  const [bStart, bEnd] = bytes(b);
  return aStart < bEnd && bStart < aEnd;
}
