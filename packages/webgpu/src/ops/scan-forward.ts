import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel } from '../shader/kernel.ts';
import type { Operand } from '../shader/operand.ts';
import type { Bound } from './kernel-op.ts';
import {
  quads,
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

/** Steps of B and C in workgroup memory, at most, and the floats that they may take together. */
const mostSteps = 16;
const tileFloats = 2048;

interface ForwardSpec extends ScanSpec {
  /** Where a chunk begins: with nothing, with the state given, or with what the carry has put there. */
  readonly from: 'zero' | 'given' | 'carry';
  /** States are given and taken by slot: `state`, in place. */
  readonly bySlot: boolean;
}

/**
 * h = exp(dt A) h + dt B u;  y = (C h + D u) silu(z), an invocation a channel, its states at hand, B and C of some steps in
 * workgroup memory for all. Writes y, the last state, or what a chunk leaves for the carry.
 */
const forwardKernel: Kernel<ForwardSpec> = {
  name: 'scan',
  lanes: scanLanes,
  params: scanParams,
  stores: { y: 'elements', last: 'elements', ends: 'words', spans: 'words' },
  code: (context) => {
    const { has, spec } = context;
    const { N, BVaries, CVaries, from, bySlot } = spec;
    const width = 4 * quads(N);
    const tile = Math.min(mostSteps, Math.max(1, Math.floor(tileFloats / width / 2)));
    const reads = has('y');
    const tiled = (['B', 'C'] as const).filter((name) => (name === 'B' ? BVaries : CVaries && reads));
    const seen = (name: 'B' | 'C'): string =>
      tiled.includes(name) ? `${name}_tile[k * NV + v]` : `${name}_own[v]`;
    const constants = (['B', 'C'] as const).filter(
      (name) => !tiled.includes(name) && (name === 'B' || reads),
    );
    return `${scanCode(context)}
${sharedChunk}
${tiled.map((name) => `var<workgroup> ${name}_tile: array<vec4<f32>, ${(tile * width) / 4}>;`).join('\n')}
fn run(group: u32, lane: u32) {
${scanPlace}
  let works = valid && q.slot >= 0;
  var a: array<vec4<f32>, NV>;
  var h: array<vec4<f32>, NV>;
  ${constants.map((name) => `var ${name}_own: array<vec4<f32>, NV>;`).join(' ')}
  for (var v = 0u; v < NV; v++) {
    a[v] = A4(d, v);
    ${constants.map((name) => `${name}_own[v] = ${name}4(q, 0u, g, d, v);`).join(' ')}
    h[v] = vec4<f32>();
    ${
      from === 'carry'
        ? `
    for (var i = 0u; i < 4u; i++) {
      if (4u * v + i < ${N}u) { h[v][i] = bitcast<f32>(ends_word((ci * ${N}u + 4u * v + i) * P.D + d)); }
    }`
        : ''
    }
    ${
      from === 'given'
        ? `
    for (var i = 0u; i < 4u; i++) {
      if (q.slot >= 0 && 4u * v + i < ${N}u) { h[v][i] = start(u32(q.slot), d, 4u * v + i); }
    }`
        : ''
    }
  }
  var span = 0.0;
  for (var k0 = 0u; k0 < chunk.count; k0 += ${tile}u) {
    let count = min(${tile}u, chunk.count - k0);
    ${
      tiled.length > 0
        ? `
    workgroupBarrier();
    for (var i = lane; i < count * NV; i += LANES) {
      let t = time_of(q, chunk.start + k0 + i / NV);
      ${tiled.map((name) => `${name}_tile[i] = ${name}4(q, t, g, d, i % NV);`).join(' ')}
    }
    workgroupBarrier();`
        : ''
    }
    // Not a way out of the loop, as everybody comes to the barrier again.
    let own_steps = select(0u, count, valid);
    for (var k = 0u; k < own_steps; k++) {
      let t = time_of(q, chunk.start + k0 + k);
      ${reads ? 'if (!works) { y_store(y_at(q.row, t, d), 0.0); continue; }' : 'if (!works) { continue; }'}
      let dt = step_size(raw_step(q, t, d));
      let input = u(q.row, t, d);
      let dtu = dt * input;
      ${reads ? 'var sum = vec4<f32>();' : ''}
      for (var v = 0u; v < NV; v++) {
        h[v] = real_states(v, exp4(dt * a[v]) * h[v] + dtu * ${seen('B')});
        ${reads ? `sum += h[v] * ${seen('C')};` : ''}
      }
      ${
        reads
          ? `
      var y = (sum.x + sum.y) + (sum.z + sum.w);
      ${has('D') ? 'y += D(d) * input;' : ''}
      ${has('z') ? 'y *= silu_(z(q.row, t, d));' : ''}
      y_store(y_at(q.row, t, d), y);`
          : 'span += dt;'
      }
    }
  }
  if (!valid) { return; }
  ${
    has('last')
      ? `
  ${bySlot ? 'if (q.slot < 0) { return; } let to = u32(q.slot);' : 'let to = chunk.s;'}
  for (var n = 0u; n < ${N}u; n++) { last_store(last_at(to, d, n), h[n / 4u][n % 4u]); }`
      : ''
  }
  ${
    has('spans')
      ? `
  for (var n = 0u; n < ${N}u; n++) { ends_put((ci * ${N}u + n) * P.D + d, bitcast<u32>(h[n / 4u][n % 4u])); }
  spans_put(ci * P.D + d, bitcast<u32>(span));`
      : ''
  }
}`;
  },
};

export interface ForwardRun {
  readonly division: ScanDivision;
  readonly from: ForwardSpec['from'];
  /** (B, L, D) */
  readonly y?: Operand | undefined;
  /** (rows or slots, D, N): states that were given, and where the last ones go */
  readonly start?: Operand | undefined;
  readonly last?: Operand | undefined;
  /** (chunks, N, D): what chunks leave behind, or begin with; and (chunks, D): the sums of their time steps */
  readonly ends?: Operand | undefined;
  readonly spans?: Operand | undefined;
}

/** One pass over the sequences. */
export function scanPass(call: Bound, run: ForwardRun): Dispatch {
  const { division, from, y, start, last, ends, spans } = run;
  const { u, delta, A, B, C, D, z, bias, cu, indices } = scanOperands(call);
  const spec = { ...scanSpec(call), from, bySlot: call.inputs['state'] !== undefined };
  return dispatch(forwardKernel, {
    spec,
    operands: {
      u,
      delta,
      A,
      B,
      ...(y && { C, D, z }),
      bias,
      cu,
      indices,
      y,
      start: from === 'given' ? start : undefined,
      last,
      ends,
      spans,
    },
    params: scanValues(call, division),
    groups: division.chunks * division.blocks * call.sizes['G']!,
  });
}

interface CarrySpec extends ScanSpec {
  readonly backward: boolean;
  readonly bySlot: boolean;
}

/**
 * What every chunk begins with, from what each leaves behind: an invocation a state, chunk by chunk. Backward it is the
 * same from the end: the cotangent that comes into a chunk.
 */
const carryKernel: Kernel<CarrySpec> = {
  name: 'scan carry',
  lanes: scanLanes,
  params: scanParams,
  stores: { ends: 'words', last: 'elements' },
  code: (context) => {
    const { has, spec } = context;
    const { N, backward, bySlot } = spec;
    return `${scanCode(context)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.S * ${N}u * P.D) { return; }
  let d = e % P.D;
  let n = (e / P.D) % ${N}u;
  let s = e / P.D / ${N}u;
  let q = sequence(s);
  let a = A(d, n);
  var h = 0.0;
  ${has('start') ? (backward ? 'if (q.slot >= 0) { h = start(s, d, n); }' : 'if (q.slot >= 0) { h = start(u32(q.slot), d, n); }') : ''}
  let count = chunks_of(q);
  for (var i = 0u; i < count; i++) {
    let ci = first_chunk(s) + ${backward ? '(count - 1u - i)' : 'i'};
    let at = (ci * ${N}u + n) * P.D + d;
    let local = bitcast<f32>(ends_word(at));
    ends_put(at, bitcast<u32>(h));
    h = exp_(bitcast<f32>(spans_word(ci * P.D + d)) * a) * h + local;
  }
  ${
    has('last')
      ? `
  ${bySlot ? 'if (q.slot < 0) { return; } let to = u32(q.slot);' : 'let to = s;'}
  last_store(last_at(to, d, n), h);`
      : ''
  }
}`;
  },
};

/** Between two passes over chunks. */
export function scanCarry(
  call: Bound,
  division: ScanDivision,
  run: {
    readonly backward: boolean;
    readonly ends: Operand;
    readonly spans: Operand;
    readonly start?: Operand | undefined;
    readonly last?: Operand | undefined;
  },
): Dispatch {
  const { backward, ...operands } = run;
  const { delta, A, cu, indices } = scanOperands(call);
  const params = scanValues(call, division);
  return dispatch(carryKernel, {
    spec: { ...scanSpec(call), backward, bySlot: !backward && call.inputs['state'] !== undefined },
    operands: { delta, A, cu, indices, ...operands },
    params,
    groups: Math.ceil((params['S']! * call.sizes['N']! * call.sizes['D']!) / scanLanes),
  });
}
