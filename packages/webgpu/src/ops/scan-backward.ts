import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, KernelContext } from '../shader/kernel.ts';
import { operand } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import { writtenOut } from '../shader/written-out.ts';
import type { Bound } from './kernel-op.ts';
import {
  eachOfQuad,
  eachQuad,
  eachState,
  four,
  quads,
  scanCode,
  scanLanes,
  scanOperands,
  scanParams,
  scanPlace,
  scanSpec,
  scanValues,
  sharedChunk,
  varying,
} from './scan-parts.ts';
import type { ScanDivision, ScanSpec } from './scan-parts.ts';
import { walk } from './scan-walk.ts';

/** Steps of a chunk on the way back: what an invocation remembers of each stays in registers. */
export const backwardSteps = 8;

const T = backwardSteps;
/** Whether B and C of a chunk go through workgroup memory, where they may take a quarter of what every device has. */
const fitsTile = (N: number): boolean => 2 * T * quads(N) <= 256;

const eachStep = (text: (k: number) => string): string => writtenOut(T, text);

/** g = a (g + ds C) from the last step of a chunk to its first, from nothing: what it leaves for the chunk before. */
const localKernel: Kernel<ScanSpec> = {
  name: 'scan gradient in chunks',
  lanes: scanLanes,
  params: scanParams,
  stores: { into: 'words' },
  code: (context) => {
    const { has, spec } = context;
    const { N } = spec;
    const { declarations, statements } = walk({
      spec,
      matrices: ['C'],
      own: {
        raw: 'raw_step(q, t, d)',
        cotangent: 'dy(q.row, t, d)',
        ...(has('z') && { gate: 'z(q.row, t, d)' }),
      },
      backwards: true,
      step: (matrix) => `
      if (q.slot < 0) { continue; }
      let dt = step_size(raw);
      let ds = cotangent${has('z') ? ' * silu_(gate)' : ''};
      ${eachQuad(
        N,
        (v) => `g_[${v}] = real_states(${v}, decay4(dt * rate[${v}]) * (g_[${v}] + ds * ${matrix('C', v)}));`,
      )}`,
    });
    return `${scanCode(context)}
${sharedChunk}
${declarations}
fn run(group: u32, lane: u32) {
${scanPlace}
  var rate: array<vec4<f32>, NV>;
  var g_: array<vec4<f32>, NV>;
  ${eachQuad(N, (v) => `rate[${v}] = rate4(d, ${v});`)}
  ${statements}
  if (!valid) { return; }
  ${eachState(N, (n, place) => `into_put(kept_at(ci, ${n}, d), bitcast<u32>(g_${place}));`)}
}`;
  },
};

/** Invocations that sum up the shares of one step, before their sums are added up. */
const sharers = scanLanes / T;

/**
 * The gradients of a chunk, from the state before it (`ends`) and the cotangent of the state after it (`into`), four states at
 * a time: forward through the steps, keeping h and its decay, and back again. Sums over channels go through workgroup
 * memory into parts, a row for each block of channels; sums over time into parts of a chunk, in place of what the chunk
 * began with.
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
    const constant = (['B', 'C'] as const).filter((name) => !varying(spec).includes(name));
    const tiled = fitsTile(N) ? varying(spec) : [];
    const at = (name: 'B' | 'C', k: number): string => {
      if (constant.includes(name)) return `${name}_own`;
      if (tiled.includes(name)) return `${name}_tile[${k}u * NV + v]`;
      return `${name}4(q, time_within(q, chunk.start + ${k}u), g, d, v)`;
    };
    /** Sums over the workgroup's channels of what every invocation has left in `shares`, step by step. */
    const reduce = (name: 'B' | 'C'): string => `
    workgroupBarrier();
    {
      let first = lane / ${sharers}u * LANES + lane % ${sharers}u * ${T}u;
      var sum = shares[first];
      ${writtenOut(T - 1, (i) => `sum += shares[first + ${i + 1}u];`)}
      sums[lane] = sum;
    }
    workgroupBarrier();
    if (lane < ${4 * T}u) {
      let k = lane / 4u;
      let n = 4u * v + lane % 4u;
      if (k < chunk.count && n < ${N}u) {
        var sum = 0.0;
        for (var i = 0u; i < ${sharers}u; i++) { sum += sums[k * ${sharers}u + i][lane % 4u]; }
        let part = select(block, g * P.blocks + block, P.${name}Groups == 1u);
        let t = time_of(q, chunk.start + k);
        let at = (q.row * P.L + t) * P.${name}Groups + select(g, 0u, P.${name}Groups == 1u);
        d${name}parts_put(part * P.${name}Part + at * ${N}u + n, bitcast<u32>(sum));
      }
    }`;
    const partOf = (value: string, operandName: string): string =>
      eachOfQuad(
        N,
        'v',
        (n, place) => `${operandName}_put(kept_at(ci, ${n}, d), bitcast<u32>(${value}${place}));`,
      );
    const boundary = (name: string): string =>
      `fn ${name}4(ci: u32, v: u32, d: u32) -> vec4<f32> {
  return ${four(N, (n) => `bitcast<f32>(${name}_word(kept_at(ci, ${n}, d)))`)};
}`;
    return `${scanCode(context)}
${sharedChunk}
${tiled.map((name) => `var<workgroup> ${name}_tile: array<vec4<f32>, ${T * quads(N)}>;`).join('\n')}
// Four numbers for each step of every channel: its own on the way in and out, between that shares of sums over channels.
var<workgroup> shares: array<vec4<f32>, ${T * scanLanes}>;
var<workgroup> sums: array<vec4<f32>, LANES>;
${boundary('ends')}
${boundary('into')}
fn run(group: u32, lane: u32) {
${scanPlace}
  let works = valid && q.slot >= 0;
  let count = select(0u, chunk.count, works);
  ${eachStep(
    (k) => `{
    let t = time_within(q, chunk.start + ${k}u);
    shares[${k}u * LANES + lane] = vec4<f32>(raw_step(q, t, d), u(q.row, t, d), dy(q.row, t, d), ${has('z') ? 'z(q.row, t, d)' : '0.0'});
  }`,
  )}
  for (var k = 0u; k < ${T}u; k++) {
    let x = shares[k * LANES + lane];
    shares[k * LANES + lane] = vec4<f32>(step_size(x.x), x.y, x.z${has('z') ? ' * silu_(x.w)' : ''}, 0.0);
  }
  ${[
    ['dts', 'x'],
    ['us', 'y'],
    ['dss', 'z'],
  ]
    .map(([name, part]) => `  ${eachStep((k) => `let ${name}_${k} = shares[${k}u * LANES + lane].${part};`)}`)
    .join('\n')}
  ${eachStep((k) => `var s_${k} = 0.0;`)}
  ${eachStep((k) => `var q_${k} = 0.0;`)}
  ${eachStep((k) => `var r_${k} = 0.0;`)}
  ${
    tiled.length === 0
      ? ''
      : `
  for (var i = lane; i < ${T}u * NV; i += LANES) {
    let t = time_within(q, chunk.start + i / NV);
    ${tiled.map((name) => `${name}_tile[i] = ${name}4(q, t, g, d, i % NV);`).join(' ')}
  }
  workgroupBarrier();`
  }
  for (var v = 0u; v < NV; v++) {
    let a = A4(d, v);
    let rate = rate4(d, v);
    ${constant.map((name) => `let ${name}_own = ${name}4(q, 0u, g, d, v);`).join(' ')}
    var h = vec4<f32>();
    var g_ = vec4<f32>();
    if (works) { h = ends4(ci, v, d); g_ = into4(ci, v, d); }
    ${eachStep((k) => `let decay_${k} = decay4(dts_${k} * rate);`)}
    ${CVaries ? '' : 'var dc = vec4<f32>();'}
    ${eachStep(
      (k) => `let before_${k} = h;
    {
      var share = vec4<f32>();
      if (${k}u < count) {
        h = real_states(v, decay_${k} * h + (dts_${k} * us_${k}) * ${at('B', k)});
        s_${k} += dot(h, ${at('C', k)});
        share = dss_${k} * h;
      }
      ${CVaries ? `shares[${k}u * LANES + lane] = share;` : 'dc += share;'}
    }`,
    )}
    ${CVaries ? reduce('C') : ''}
    var da = vec4<f32>();
    ${BVaries ? '' : 'var db = vec4<f32>();'}
    ${eachStep((i) => {
      const k = T - 1 - i;
      return `{
      var share = vec4<f32>();
      if (${k}u < count) {
        let gn = real_states(v, g_ + dss_${k} * ${at('C', k)});
        let carried = real_states(v, decay_${k} * before_${k});
        da += gn * dts_${k} * carried;
        share = gn * (dts_${k} * us_${k});
        q_${k} += dot(gn, ${at('B', k)});
        r_${k} += dot(gn * carried, a);
        g_ = real_states(v, decay_${k} * gn);
      }
      ${BVaries ? `shares[${k}u * LANES + lane] = share;` : 'db += share;'}
    }`;
    })}
    ${BVaries ? reduce('B') : ''}
    if (valid) {
      ${partOf('da', 'ends')}
      ${BVaries ? '' : partOf('db', 'into')}
      ${CVaries ? '' : partOf('dc', 'dCown')}
    }
  }
  if (!valid) { return; }
  ${eachStep((k) => `shares[${k}u * LANES + lane] = vec4<f32>(s_${k}, dts_${k} * q_${k}, us_${k} * q_${k} + r_${k}, dss_${k});`)}
  var dskip = 0.0;
  var dbias = 0.0;
  for (var k = 0u; k < chunk.count; k++) {
    let t = time_of(q, chunk.start + k);
    let x = shares[k * LANES + lane];
    var du = x.y;
    var ddelta = x.z;
    var dz = 0.0;
    if (works) {
      ${has('D') ? 'let input = u(q.row, t, d); du += D(d) * x.w; dskip += x.w * input;' : ''}
      ${softplus ? 'ddelta *= sigmoid_(raw_step(q, t, d));' : ''}
      ${has('z') ? `dz = dy(q.row, t, d) * (x.x${has('D') ? ' + D(d) * input' : ''}) * silu_slope(z(q.row, t, d));` : ''}
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
    if (sequence(s).slot == i32(slot)) { sum += bitcast<f32>(first_word(kept_at(s, n, d))); }
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
