import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel, KernelContext } from '../shader/kernel.ts';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import { total } from '../shader/reduce.ts';
import type { Bound, KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { rowsOperand, scatteredRows } from './rows.ts';

const lanes = 64;
/** Of wide rows, so that a single one is not a long walk. */
const wideLanes = 256;
const real = { '*': narrowFloats } as const;
const params = ['K', 'G', 'width'] as const;
const floats = ['eps'] as const;

/** What is normalised: v = (x + residual) silu(gate). */
function terms({ has }: KernelContext): string {
  return `
fn sum_of(r: u32, k: u32) -> f32 { return x(r, k)${has('residual') ? ' + residual(r, k)' : ''}; }
fn opening(r: u32, k: u32) -> f32 { return ${has('gate') ? 'silu_(gate(r, k))' : '1.0'}; }
fn v_of(r: u32, k: u32) -> f32 { return sum_of(r, k)${has('gate') ? ' * opening(r, k)' : ''}; }
fn scale_of(k: u32) -> f32 { return ${has('weight') ? 'weight(k)' : '1.0'}; }`;
}

/** A workgroup normalises one group of one row. */
const normKernel = (width: number): Kernel => ({
  name: width > wideLanes ? 'rms norm of wide rows' : 'rms norm',
  lanes: width > wideLanes ? wideLanes : lanes,
  params,
  floats,
  stores: { y: 'elements', added: 'elements' },
  code: (context) => `${terms(context)}
${total}
fn run(group: u32, lane: u32) {
  let r = group / P.G;
  let start = (group % P.G) * P.width;
  var squares = 0.0;
  for (var i = lane; i < P.width; i += LANES) {
    let v = v_of(r, start + i);
    squares += v * v;
  }
  let scale = inverseSqrt(total(squares, lane) / f32(P.width) + P.eps);
  for (var i = lane; i < P.width; i += LANES) {
    let k = start + i;
    ${context.has('added') ? 'added_store(added_at(r, k), sum_of(r, k));' : ''}
    y_store(y_at(r, k), v_of(r, k) * scale * scale_of(k));
  }
}`,
});

export const rmsNorm: KernelOp = {
  assess: (call) =>
    unsupported(call, real) ?? {
      ok: true,
      numerics: 'bitwise',
      contiguous: scatteredRows(call.inputs, ['x', 'residual', 'gate']),
      cost: { flops: 4 * call.sizes['R']! * call.sizes['K']!, bytes: 0 },
    },

  dispatches(call) {
    const { outputs, sizes } = call;
    const { sum } = outputs;
    return [
      dispatch(normKernel(sizes['K']! / sizes['G']!), {
        spec: {},
        operands: {
          ...inputOperands(call),
          y: rowsOperand(outputs['y']!),
          added: sum && rowsOperand(sum),
        },
        ...extents(call),
      }),
    ];
  },
};

/**
 * dv = r (dy w - v r^2 mean(dy w v)) with r = 1 / sqrt(mean(v^2) + eps); r is kept for the gradient of the weight.
 */
const rowsKernel: Kernel = {
  name: 'rms norm gradient',
  lanes,
  params,
  floats,
  stores: { dx: 'elements', dresidual: 'elements', dgate: 'elements', scales: 'words' },
  code: (context) => `${terms(context)}
${total}
fn run(group: u32, lane: u32) {
  let r = group / P.G;
  let start = (group % P.G) * P.width;
  var squares = 0.0;
  var product = 0.0;
  for (var i = lane; i < P.width; i += LANES) {
    let k = start + i;
    let v = v_of(r, k);
    squares += v * v;
    product += dy(r, k) * scale_of(k) * v;
  }
  let n = f32(P.width);
  let scale = inverseSqrt(total(squares, lane) / n + P.eps);
  let mean = total(product, lane) / n;
  if (lane == 0u) { scales_put(group, bitcast<u32>(scale)); }
  for (var i = lane; i < P.width; i += LANES) {
    let k = start + i;
    let dv = scale * (dy(r, k) * scale_of(k) - v_of(r, k) * scale * scale * mean);
    let dx = dv * opening(r, k)${context.has('dsum') ? ' + dsum(r, k)' : ''};
    dx_store(dx_at(r, k), dx);
    ${context.has('dresidual') ? 'dresidual_store(dresidual_at(r, k), dx);' : ''}
    ${context.has('dgate') ? 'dgate_store(dgate_at(r, k), dv * sum_of(r, k) * silu_slope(gate(r, k)));' : ''}
  }
}`,
};

/** dw = sum over rows of dy v r */
const weightKernel: Kernel = {
  name: 'rms norm weight gradient',
  lanes,
  params: [...params, 'R', 'E'],
  floats,
  stores: { dweight: 'words' },
  code: (context) => `${terms(context)}
fn value(k: u32) -> f32 {
  var sum = 0.0;
  for (var r = 0u; r < P.R; r++) {
    sum += dy(r, k) * v_of(r, k) * bitcast<f32>(scales_word(r * P.G + k / P.width));
  }
  return sum;
}
${denseMap('dweight', context.dtype('dweight'))}`,
};

export const rmsNormBackward: KernelOp = {
  assess: (call) =>
    unsupported(call, real) ?? {
      ok: true,
      numerics: 'tolerance',
      scratchBytes: 4 * Math.max(1, call.sizes['R']! * call.sizes['G']!),
      contiguous: scatteredRows(call.inputs, ['x', 'residual', 'gate', 'dy', 'dsum']),
      cost: { flops: 12 * call.sizes['R']! * call.sizes['K']!, bytes: 0 },
    },

  dispatches(call) {
    const { inputs, outputs, sizes, scratch } = call;
    const { R, K, G } = sizes as { R: number; K: number; G: number };
    const rows = (name: string): Operand | undefined => outputs[name] && rowsOperand(outputs[name]);
    const { dsum } = inputs;
    const { dweight } = outputs;
    const scales = scratchOperand(scratch!, 0, [R * G]);
    const given = { ...inputOperands(call), dy: rowsOperand(inputs['dy']!) };
    const { params: common, groups } = extents(call);
    return [
      dispatch(rowsKernel, {
        spec: {},
        operands: {
          ...given,
          dsum: dsum && rowsOperand(dsum),
          dx: rows('dx'),
          dresidual: rows('dresidual'),
          dgate: rows('dgate'),
          scales,
        },
        params: common,
        groups,
      }),
      ...(dweight
        ? [
            dispatch(weightKernel, {
              spec: {},
              operands: { ...given, weight: undefined, scales, dweight: operand(dweight) },
              params: { ...common, R, E: K },
              groups: denseGroups(K, dweight.dtype, lanes),
            }),
          ]
        : []),
    ];
  },
};

function inputOperands({ inputs }: Bound): Readonly<Record<string, Operand | undefined>> {
  const rows = (name: string): Operand | undefined => inputs[name] && rowsOperand(inputs[name]);
  return { x: rows('x'), residual: rows('residual'), gate: rows('gate'), weight: maybe(inputs['weight']) };
}

function extents({ sizes, options }: Bound): {
  readonly params: Readonly<Record<string, number>>;
  readonly groups: number;
} {
  const { R, K, G } = sizes as { R: number; K: number; G: number };
  const eps = options['eps'] as number;
  return { params: { K, G, width: K / G, eps }, groups: R * G };
}
