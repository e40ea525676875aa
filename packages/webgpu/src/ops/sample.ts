import { dispatch } from '../shader/kernel.ts';
import type { Kernel } from '../shader/kernel.ts';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import { largest, negativeInfinity, total } from '../shader/reduce.ts';
import type { KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';

const lanes = 128;
const dtypes = {
  '*': ['f32'],
  logits: narrowFloats,
  ids: ['i32'],
  recentIds: ['i32'],
} as const;

/** `first_largest(lane)`: the lowest id among the largest `of(id)` of the vocabulary; 0 when nothing is above -Infinity. */
const firstLargest = `
var<workgroup> best_value: array<f32, LANES>;
var<workgroup> best_id: array<u32, LANES>;
fn first_largest(lane: u32) -> u32 {
  var best = negative_infinity();
  var id = 0xffffffffu;
  for (var v = lane; v < P.vocabulary; v += LANES) {
    let x = of_id(v);
    if (x > best) { best = x; id = v; }
  }
  best_value[lane] = best;
  best_id[lane] = id;
  workgroupBarrier();
  best = negative_infinity();
  id = 0xffffffffu;
  for (var i = 0u; i < LANES; i++) {
    let x = best_value[i];
    if (x > best || (x == best && best_id[i] < id)) { best = x; id = best_id[i]; }
  }
  return select(id, 0u, id == 0xffffffffu);
}`;

const argmaxKernel: Kernel = {
  name: 'argmax',
  lanes,
  params: ['vocabulary'],
  stores: { ids: 'words' },
  code: () => `
${negativeInfinity}
var<private> row: u32;
fn of_id(v: u32) -> f32 { return logits(row, v); }
${firstLargest}
fn run(group: u32, lane: u32) {
  row = group;
  let id = first_largest(lane);
  if (lane == 0u) { ids_put(group, id); }
}`,
};

export const argmax: KernelOp = {
  assess: (call) => unsupported(call, dtypes) ?? { ok: true, numerics: 'bitwise' },
  dispatches: ({ inputs, outputs, sizes, options }) => [
    dispatch(argmaxKernel, {
      spec: {},
      operands: { logits: operand(inputs['logits']!), ids: operand(outputs['ids']!, []) },
      params: { vocabulary: (options['vocabulary'] as number | undefined) ?? sizes['V']! },
      groups: sizes['R']!,
    }),
  ],
};

/**
 * A workgroup draws one id. Ids are in the order of their logits, equals by their numbers; what is kept is a prefix of that order and
 * so given by its last id. No sort: the last id of a prefix is found by bisection on the bits of its logit, for what
 * the prefix holds, counted or weighed, then on those of its number.
 */
const sampleKernel: Kernel = {
  name: 'sample',
  lanes,
  params: ['vocabulary', 'H', 'topK', 'bits'],
  floats: ['temperature', 'topP', 'minP', 'penalty'],
  stores: { ids: 'words', logProbs: 'words', adjusted: 'words', weights: 'words' },
  code: ({ has }) => `
${negativeInfinity}
${total}
${largest}
var<private> row: u32;
fn given(v: u32) -> f32 {
  let x = logits(row, v);
  // NaN says nothing about how probable an id is.
  return select(x, negative_infinity(), is_nan(x));
}
fn of_id(v: u32) -> f32 { return bitcast<f32>(adjusted_word(row * P.vocabulary + v)); }
fn weight(v: u32) -> f32 { return bitcast<f32>(weights_word(row * P.vocabulary + v)); }
${firstLargest}

// Whole numbers in the order of the floats; both zeros are one.
fn key(v: u32) -> u32 {
  let x = of_id(v);
  let bits = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// The last id that is kept.
var<private> last_key: u32;
var<private> last_id: u32;
fn kept(v: u32) -> bool {
  let k = key(v);
  return (k > last_key || (k == last_key && v <= last_id)) && weight(v) >= P.minP * min_weight;
}
// 1 once ids of little weight are left out.
var<private> min_weight: f32;

// What the kept ids of at least this key weigh, or how many they are.
fn above(least: u32, weighed: bool, lane: u32) -> f32 {
  var sum = 0.0;
  for (var v = lane; v < P.vocabulary; v += LANES) {
    if (key(v) >= least && kept(v)) { sum += select(1.0, weight(v), weighed); }
  }
  return total(sum, lane);
}

// How many ids below this one have this key.
fn equals(k: u32, below: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var v = lane; v < P.vocabulary; v += LANES) {
    if (key(v) == k && v < below) { sum += 1.0; }
  }
  return total(sum, lane);
}

// Makes the shortest prefix that holds the wanted measure (more than it, if beyond) what is kept.
fn shorten(wanted: f32, weighed: bool, beyond: bool, lane: u32) {
  var k = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let next = k | (0x80000000u >> bit);
    let held = above(next, weighed, lane);
    if (held > wanted || (!beyond && held == wanted)) { k = next; }
  }
  let before = select(above(k + 1u, weighed, lane), 0.0, k == 0xffffffffu);
  let count = equals(k, P.vocabulary, lane);
  var own = 0.0;
  for (var v = lane; v < P.vocabulary; v += LANES) { if (key(v) == k) { own = max(own, weight(v)); } }
  own = select(1.0, largest(own, lane), weighed);
  let needed = (wanted - before) / own;
  let m = clamp(select(ceil(needed), floor(needed) + 1.0, beyond), 1.0, max(count, 1.0));
  var id = 0u;
  for (var bit = 0u; bit < P.bits; bit++) {
    let next = id | (1u << (P.bits - 1u - bit));
    if (equals(k, next, lane) < m) { id = next; }
  }
  last_key = k;
  last_id = id;
}

fn run(group: u32, lane: u32) {
  row = group;
  let base = group * P.vocabulary;
  for (var v = lane; v < P.vocabulary; v += LANES) { adjusted_put(base + v, bitcast<u32>(given(v))); }
  storageBarrier();
  workgroupBarrier();
  ${
    has('recent')
      ? `
  // Once for each recent id.
  for (var h = lane; h < P.H; h += LANES) {
    let id = recent(group, h);
    var seen = id < 0 || u32(id) >= P.vocabulary;
    for (var other = 0u; other < h && !seen; other++) { seen = recent(group, other) == id; }
    if (!seen) {
      let x = given(u32(id));
      adjusted_put(base + u32(id), bitcast<u32>(select(x * P.penalty, x / P.penalty, x > 0.0)));
    }
  }
  storageBarrier();
  workgroupBarrier();`
      : ''
  }
  let top = first_largest(lane);
  let most = of_id(top);
  for (var v = lane; v < P.vocabulary; v += LANES) {
    let x = of_id(v);
    let w = select(exp_((x - most) / P.temperature), 1.0, x == most);
    weights_put(base + v, select(bitcast<u32>(w), 0u, x == negative_infinity()));
  }
  storageBarrier();
  workgroupBarrier();

  last_key = 0u;
  last_id = P.vocabulary;
  min_weight = 0.0;
  if (P.topK > 0u && P.topK < P.vocabulary) { shorten(f32(P.topK), false, false, lane); }
  if (P.topP < 1.0) { shorten(P.topP * above(0u, true, lane), true, false, lane); }
  min_weight = 1.0;
  let all = above(0u, true, lane);
  var threshold = draw(group) * all;
  // Rounded up to everything there is, it would be beyond the last id.
  if (threshold >= all) { threshold = bitcast<f32>(bitcast<u32>(all) - 1u); }
  if (P.temperature > 0.0) { shorten(threshold, true, true, lane); }
  var id = last_id;
  // No finite logit to tell the ids apart, or no wish to draw.
  if (!(all > 0.0) || P.temperature == 0.0) { id = top; }

  var largest_given = negative_infinity();
  for (var v = lane; v < P.vocabulary; v += LANES) { largest_given = max(largest_given, given(v)); }
  largest_given = largest(largest_given, lane);
  var sum = 0.0;
  for (var v = lane; v < P.vocabulary; v += LANES) {
    let x = given(v);
    sum += select(exp_(x - largest_given), 1.0, x == largest_given);
  }
  let log_sum = log_(total(sum, lane));
  if (lane == 0u) {
    ids_put(group, id);
    logProbs_put(group, bitcast<u32>(given(id) - largest_given - log_sum));
  }
}`,
};

export const sample: KernelOp = {
  assess: (call) =>
    unsupported(call, dtypes) ?? {
      ok: true,
      numerics: 'tolerance',
      scratchBytes: 8 * Math.max(1, call.sizes['R']!) * vocabularyOf(call),
    },

  dispatches(call) {
    const { inputs, outputs, sizes, options, scratch } = call;
    const { R } = sizes as { R: number };
    const number = (name: string, otherwise: number): number =>
      (options[name] as number | undefined) ?? otherwise;
    const vocabulary = vocabularyOf(call);
    return [
      dispatch(sampleKernel, {
        spec: {},
        operands: {
          logits: operand(inputs['logits']!),
          draw: operand(inputs['uniform']!),
          recent: maybe(inputs['recentIds']),
          ids: operand(outputs['ids']!, []),
          logProbs: operand(outputs['logProbs']!, []),
          adjusted: scratchOperand(scratch!, 0, [R * vocabulary]),
          weights: scratchOperand(scratch!, R * vocabulary, [R * vocabulary]),
        },
        params: {
          vocabulary,
          H: sizes['H'] ?? 0,
          topK: number('topK', 0),
          bits: Math.ceil(Math.log2(vocabulary + 1)),
          temperature: number('temperature', 1),
          topP: number('topP', 1),
          minP: number('minP', 0),
          penalty: number('repetitionPenalty', 1),
        },
        groups: R,
      }),
    ];
  },
};

function vocabularyOf({
  sizes,
  options,
}: Pick<Parameters<KernelOp['assess']>[0], 'sizes' | 'options'>): number {
  return (options['vocabulary'] as number | undefined) ?? sizes['V']!;
}
