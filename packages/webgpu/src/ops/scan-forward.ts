import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel } from '../shader/kernel.ts';
import type { Operand } from '../shader/operand.ts';
import { writtenOut } from '../shader/written-out.ts';
import type { Bound } from './kernel-op.ts';
import {
  eachQuad,
  eachState,
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
import { walk } from './scan-walk.ts';

interface ForwardSpec extends ScanSpec {
  /** Where a chunk begins: with nothing, with the state given, or with what the carry has put there. */
  readonly from: 'zero' | 'given' | 'carry';
  /** States are given and taken by slot: `state`, in place. */
  readonly bySlot: boolean;
}

/**
 * h = exp(dt A) h + dt B u;  y = (C h + D u) silu(z), an invocation a channel, its states in registers. Writes y, the
 * last state, or what a chunk leaves for the carry.
 */
const forwardKernel: Kernel<ForwardSpec> = {
  name: 'scan',
  lanes: scanLanes,
  params: scanParams,
  stores: { y: 'elements', last: 'elements', ends: 'words', spans: 'words' },
  code: (context) => {
    const { has, spec } = context;
    const { N, from, bySlot } = spec;
    const reads = has('y');
    const { declarations, statements } = walk({
      spec,
      matrices: reads ? ['B', 'C'] : ['B'],
      own: {
        raw: 'raw_step(q, t, d)',
        input: 'u(q.row, t, d)',
        ...(has('z') && { gate: 'z(q.row, t, d)' }),
      },
      backwards: false,
      step: (matrix) => `
      ${reads ? 'if (!works) { y_store(y_at(q.row, t, d), padding_of(q.slot)); continue; }' : 'if (!works) { continue; }'}
      let dt = step_size(raw);
      let dtu = dt * input;
      ${reads ? 'var sum = vec4<f32>();' : ''}
      ${eachQuad(
        N,
        (v) => `
        h[${v}] = real_states(${v}, exp2_4(dt * rate[${v}]) * h[${v}] + dtu * ${matrix('B', v)});
        ${reads ? `sum += h[${v}] * ${matrix('C', v)};` : ''}`,
      )}
      ${
        reads
          ? `
      var y = (sum.x + sum.y) + (sum.z + sum.w);
      ${has('D') ? 'y += D(d) * input;' : ''}
      ${has('z') ? 'y *= silu_(gate);' : ''}
      y_store(y_at(q.row, t, d), y);`
          : 'span += dt;'
      }`,
    });
    return `${scanCode(context)}
${sharedChunk}
${declarations}
fn run(group: u32, lane: u32) {
${scanPlace}
  let works = valid && q.slot >= 0;
  var rate: array<vec4<f32>, NV>;
  var h: array<vec4<f32>, NV>;
  ${eachQuad(N, (v) => `rate[${v}] = rate4(d, ${v});`)}
  ${
    from === 'carry'
      ? eachState(N, (n, place) => `h${place} = bitcast<f32>(ends_word(kept_at(ci, ${n}, d)));`)
      : ''
  }
  ${from === 'given' ? `if (q.slot >= 0) { ${eachState(N, (n, place) => `h${place} = start(u32(q.slot), d, ${n});`)} }` : ''}
  if (q.slot < 0) { ${eachQuad(N, (v) => `h[${v}] = vec4<f32>(padding_of(q.slot));`)} }
  // Powers of two do not see that A is NaN.
  ${eachQuad(N, (v) => `h[${v}] = select(rate[${v}], h[${v}], numbers(rate[${v}]));`)}
  var span = 0.0;
  ${statements}
  if (!valid) { return; }
  ${
    has('last')
      ? `
  ${bySlot ? 'if (q.slot < 0) { return; } let to = u32(q.slot);' : 'let to = chunk.s;'}
  ${eachState(N, (n, place) => `last_store(last_at(to, d, ${n}), h${place});`)}`
      : ''
  }
  ${
    has('spans')
      ? `
  ${eachState(N, (n, place) => `ends_put(kept_at(ci, ${n}, d), bitcast<u32>(h${place}));`)}
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

/** Chunks that the carry asks for together. */
const chunksAhead = 4;

interface CarrySpec extends ScanSpec {
  readonly backward: boolean;
  readonly bySlot: boolean;
}

/**
 * What every chunk begins with, from what each leaves behind: an invocation a state, chunk by chunk. Backward it is the
 * same from the end: the cotangent that comes into a chunk; where there is none, it is no factor.
 */
const carryKernel: Kernel<CarrySpec> = {
  name: 'scan carry',
  lanes: scanLanes,
  params: scanParams,
  stores: { ends: 'words', last: 'elements' },
  code: (context) => {
    const { has, spec } = context;
    const { N, backward, bySlot } = spec;
    const ahead = (text: (i: number, place: string) => string): string =>
      writtenOut(chunksAhead, (i) => text(i, `[${i >> 2}][${i & 3}]`));
    return `${scanCode(context)}
fn chunk_at(s: u32, count: u32, i: u32) -> u32 { return first_chunk(s) + ${backward ? '(count - 1u - i)' : 'i'}; }
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.S * ${N}u * P.D) { return; }
  let d = e % P.D;
  let n = (e / P.D) % ${N}u;
  let s = e / P.D / ${N}u;
  let q = sequence(s);
  let rate = A(d, n) * LOG2E;
  var h = ${backward ? '0.0' : 'padding_of(q.slot)'};
  ${has('start') ? (backward ? 'if (q.slot >= 0) { h = start(s, d, n); }' : 'if (q.slot >= 0) { h = start(u32(q.slot), d, n); }') : ''}
  let count = chunks_of(q);
  for (var i0 = 0u; i0 < count; i0 += ${chunksAhead}u) {
    var spans: array<vec4<f32>, ${chunksAhead / 4}>;
    var local: array<vec4<f32>, ${chunksAhead / 4}>;
    ${ahead(
      (i, place) => `{
      let ci = chunk_at(s, count, min(i0 + ${i}u, count - 1u));
      spans${place} = bitcast<f32>(spans_word(ci * P.D + d));
      local${place} = bitcast<f32>(ends_word(kept_at(ci, n, d)));
    }`,
    )}
    ${writtenOut(chunksAhead / 4, (i) => `spans[${i}] = decay4(spans[${i}] * rate);`)}
    ${ahead(
      (i, place) => `if (i0 + ${i}u < count) {
      ends_put(kept_at(chunk_at(s, count, i0 + ${i}u), n, d), bitcast<u32>(h));
      h = ${backward ? `select(spans${place} * h, 0.0, h == 0.0)` : `spans${place} * h`} + local${place};
    }`,
    )}
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
