import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, KernelContext } from '../shader/kernel.ts';
import { operand } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import type { Bound } from './kernel-op.ts';
import {
  scanCode,
  scanLanes,
  scanOperands,
  scanParams,
  scanPlace,
  scanSpec,
  scanValues,
  sharedChunk,
} from './scan-parts.ts';
import type { ScanDivision, ScanSpec } from './scan-parts.ts';

/** Steps of a chunk on the way back: what an invocation remembers of each stays in registers. */
export const backwardSteps = 8;

/** The steps of a chunk, in private memory: what does not depend on the state. */
const stepsCode = (has: (name: string) => boolean): string => `
fn gate_of(q: Sequence, t: u32, d: u32) -> f32 { return ${has('z') ? 'silu_(z(q.row, t, d))' : '1.0'}; }`;

/** g = a (g + ds C) from the last step of a chunk to its first, from nothing: what it leaves for the chunk before. */
const localKernel: Kernel<ScanSpec> = {
  name: 'scan gradient in chunks',
  lanes: scanLanes,
  params: scanParams,
  stores: { into: 'words' },
  code: (context) => {
    const { N } = context.spec;
    return `${scanCode(context)}
${stepsCode(context.has)}
${sharedChunk}
fn run(group: u32, lane: u32) {
${scanPlace}
  if (!valid) { return; }
  var a: array<vec4<f32>, NV>;
  var g_: array<vec4<f32>, NV>;
  for (var v = 0u; v < NV; v++) { a[v] = A4(d, v); g_[v] = vec4<f32>(); }
  let count = select(0u, chunk.count, q.slot >= 0);
  for (var k = count; k > 0u; k--) {
    let t = time_of(q, chunk.start + k - 1u);
    let dt = step_size(raw_step(q, t, d));
    let ds = dy(q.row, t, d) * gate_of(q, t, d);
    for (var v = 0u; v < NV; v++) {
      g_[v] = real_states(v, exp4(dt * a[v]) * (g_[v] + ds * C4(q, t, g, d, v)));
    }
  }
  for (var n = 0u; n < ${N}u; n++) { into_put((ci * ${N}u + n) * P.D + d, bitcast<u32>(g_[n / 4u][n % 4u])); }
}`;
  },
};

/**
 * The gradients of a chunk, from the state before it (`ends`) and the cotangent of the state after it (`into`), four states at
 * a time: forward through the steps, keeping h, and back again. Sums over channels go through workgroup memory
 * into parts, a row for each block of channels; sums over time into parts of a chunk, in place of what the chunk began with.
 */
const gradientKernel: Kernel<ScanSpec> = {
  name: 'scan gradient',
  lanes: scanLanes,
  params: [...scanParams, 'BGroups', 'CGroups', 'BPart', 'CPart'],
  stores: {
    du: 'elements',
    ddelta: 'elements',
    dz: 'elements',
    ends: 'words',
    into: 'words',
    dCown: 'words',
    dBparts: 'words',
    dCparts: 'words',
    dDparts: 'words',
    dbiasParts: 'words',
  },
  code: (context) => {
    const { has, spec } = context;
    const { N, BVaries, CVaries, softplus } = spec;
    const T = backwardSteps;
    /** Sums over the workgroup's channels of what every invocation has left in `shares`, step by step. */
    const reduce = (name: 'B' | 'C'): string => `
    workgroupBarrier();
    if (lane < ${4 * T}u) {
      let k = lane / 4u;
      let n = 4u * v + lane % 4u;
      if (k < chunk.count && n < ${N}u) {
        var sum = 0.0;
        for (var i = 0u; i < LANES; i++) { sum += shares[k * LANES + i][lane % 4u]; }
        let part = select(block, g * P.blocks + block, P.${name}Groups == 1u);
        let t = time_of(q, chunk.start + k);
        let at = (q.row * P.L + t) * P.${name}Groups + select(g, 0u, P.${name}Groups == 1u);
        d${name}parts_put(part * P.${name}Part + at * ${N}u + n, bitcast<u32>(sum));
      }
    }
    workgroupBarrier();`;
    const partOf = (value: string, operandName: string): string => `
      for (var i = 0u; i < 4u; i++) {
        if (4u * v + i < ${N}u) { ${operandName}_put((ci * ${N}u + 4u * v + i) * P.D + d, bitcast<u32>(${value}[i])); }
      }`;
    return `${scanCode(context)}
${stepsCode(has)}
${sharedChunk}
${BVaries || CVaries ? `var<workgroup> shares: array<vec4<f32>, ${T * scanLanes}>;` : ''}
fn boundary(name: u32, ci: u32, v: u32, d: u32) -> vec4<f32> {
  var x = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let n = 4u * v + i;
    if (n < ${N}u) {
      let at = (ci * ${N}u + n) * P.D + d;
      if (name == 0u) { x[i] = bitcast<f32>(ends_word(at)); } else { x[i] = bitcast<f32>(into_word(at)); }
    }
  }
  return x;
}
fn run(group: u32, lane: u32) {
${scanPlace}
  let works = valid && q.slot >= 0;
  var dts: array<f32, ${T}>;
  var us: array<f32, ${T}>;
  var dss: array<f32, ${T}>;
  var s: array<f32, ${T}>;
  var dus: array<f32, ${T}>;
  var ddts: array<f32, ${T}>;
  for (var k = 0u; k < ${T}u; k++) {
    dts[k] = 0.0; us[k] = 0.0; dss[k] = 0.0; s[k] = 0.0; dus[k] = 0.0; ddts[k] = 0.0;
    if (works && k < chunk.count) {
      let t = time_of(q, chunk.start + k);
      dts[k] = step_size(raw_step(q, t, d));
      us[k] = u(q.row, t, d);
      dss[k] = dy(q.row, t, d) * gate_of(q, t, d);
    }
  }
  for (var v = 0u; v < NV; v++) {
    let a = A4(d, v);
    var h = vec4<f32>();
    var g_ = vec4<f32>();
    if (works) { h = boundary(0u, ci, v, d); g_ = boundary(1u, ci, v, d); }
    var before: array<vec4<f32>, ${T}>;
    ${CVaries ? '' : 'var dc = vec4<f32>();'}
    for (var k = 0u; k < ${T}u; k++) {
      before[k] = h;
      var share = vec4<f32>();
      if (works && k < chunk.count) {
        let t = time_of(q, chunk.start + k);
        h = real_states(v, exp4(dts[k] * a) * h + (dts[k] * us[k]) * B4(q, t, g, d, v));
        s[k] += dot(h, C4(q, t, g, d, v));
        share = dss[k] * h;
      }
      ${CVaries ? 'shares[k * LANES + lane] = share;' : 'dc += share;'}
    }
    ${CVaries ? reduce('C') : ''}
    var da = vec4<f32>();
    ${BVaries ? '' : 'var db = vec4<f32>();'}
    for (var back = 0u; back < ${T}u; back++) {
      let k = ${T - 1}u - back;
      var share = vec4<f32>();
      if (works && k < chunk.count) {
        let t = time_of(q, chunk.start + k);
        let b = B4(q, t, g, d, v);
        let decay = exp4(dts[k] * a);
        let gn = g_ + dss[k] * C4(q, t, g, d, v);
        let carried = real_states(v, decay * before[k]);
        da += gn * dts[k] * carried;
        share = gn * (dts[k] * us[k]);
        dus[k] += dts[k] * dot(gn, b);
        ddts[k] += dot(gn, b * us[k] + a * carried);
        g_ = real_states(v, decay * gn);
      }
      ${BVaries ? 'shares[k * LANES + lane] = share;' : 'db += share;'}
    }
    ${BVaries ? reduce('B') : ''}
    if (valid) {
      ${partOf('da', 'ends')}
      ${BVaries ? '' : partOf('db', 'into')}
      ${CVaries ? '' : partOf('dc', 'dCown')}
    }
  }
  if (!valid) { return; }
  var dskip = 0.0;
  var dbias = 0.0;
  for (var k = 0u; k < ${T}u; k++) {
    if (k >= chunk.count) { break; }
    let t = time_of(q, chunk.start + k);
    var du = dus[k];
    var ddelta = ddts[k];
    var dz = 0.0;
    if (works) {
      ${has('D') ? 'du += D(d) * dss[k]; s[k] += D(d) * us[k]; dskip += dss[k] * us[k];' : ''}
      ${softplus ? 'ddelta *= sigmoid_(raw_step(q, t, d));' : ''}
      ${has('z') ? 'dz = dy(q.row, t, d) * s[k] * silu_slope(z(q.row, t, d));' : ''}
      dbias += ddelta;
    }
    du_store(du_at(q.row, t, d), du);
    ddelta_store(ddelta_at(q.row, t, d), ddelta);
    ${has('dz') ? 'dz_store(dz_at(q.row, t, d), dz);' : ''}
  }
  ${has('dDparts') ? 'dDparts_put(ci * P.D + d, bitcast<u32>(dskip));' : ''}
  ${has('dbiasParts') ? 'dbiasParts_put(ci * P.D + d, bitcast<u32>(dbias));' : ''}
}`;
  },
};

/** The sequences that began with a state, in their order. */
const initialKernel: Kernel<ScanSpec> = {
  name: 'scan gradient of the state',
  lanes: scanLanes,
  params: scanParams,
  stores: { dinitial: 'elements' },
  code: (context: KernelContext<ScanSpec>) => `${scanCode(context)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.slots * ${context.spec.N}u * P.D) { return; }
  let d = e % P.D;
  let n = (e / P.D) % ${context.spec.N}u;
  let slot = e / P.D / ${context.spec.N}u;
  var sum = 0.0;
  for (var s = 0u; s < P.S; s++) {
    if (sequence(s).slot == i32(slot)) { sum += bitcast<f32>(first_word((s * ${context.spec.N}u + n) * P.D + d)); }
  }
  dinitial_store(dinitial_at(slot, d, n), sum);
}`,
};

/** What chunks leave for those before them. */
export function scanGradientInChunks(call: Bound, division: ScanDivision, into: Operand): Dispatch {
  const { delta, A, C, z, bias, cu, indices } = scanOperands(call);
  return dispatch(localKernel, {
    spec: scanSpec(call),
    operands: { delta, A, C, z, bias, cu, indices, dy: operand(call.inputs['dy']!), into },
    params: scanValues(call, division),
    groups: division.chunks * division.blocks * call.sizes['G']!,
  });
}

export interface GradientRun {
  readonly operands: Readonly<Record<string, Operand | undefined>>;
  readonly params: Readonly<Record<'BGroups' | 'CGroups' | 'BPart' | 'CPart', number>>;
}

export function scanGradient(call: Bound, division: ScanDivision, run: GradientRun): Dispatch {
  return dispatch(gradientKernel, {
    spec: scanSpec(call),
    operands: { ...scanOperands(call), dy: operand(call.inputs['dy']!), ...run.operands },
    params: { ...scanValues(call, division), ...run.params },
    groups: division.chunks * division.blocks * call.sizes['G']!,
  });
}

export function scanGradientOfState(
  call: Bound,
  division: ScanDivision,
  operands: { readonly first: Operand; readonly dinitial: Operand },
): Dispatch {
  const { delta, A, cu, indices } = scanOperands(call);
  const params = scanValues(call, division);
  return dispatch(initialKernel, {
    spec: scanSpec(call),
    operands: { delta, A, cu, indices, ...operands },
    params,
    groups: Math.ceil((params['slots']! * call.sizes['N']! * call.sizes['D']!) / scanLanes),
  });
}
