import type { SampleOptions } from '@ss/core';
import { dispatch } from '../shader/kernel.ts';
import type { Kernel } from '../shader/kernel.ts';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import { largest, negativeInfinity, parts, total } from '../shader/reduce.ts';
import { writtenOut } from '../shader/written-out.ts';
import type { KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';

const lanes = 256;
const dtypes = {
  '*': ['f32'],
  logits: narrowFloats,
  ids: ['i32'],
  recentIds: ['i32'],
} as const;

/** Logits that an invocation asks for before it looks at the first of them: a row is one workgroup's, and reading is waiting. */
const together = 8;

/** Statements for each id `v` of the vocabulary, in every invocation's rising order, and `x`, which `of` makes of it. */
function walk(text: string, of = 'of_id'): string {
  return `
  for (var first = lane; first < P.vocabulary; first += ${together}u * LANES) {
    ${writtenOut(together, (j) => `let x${j} = ${of}(min(first + ${j}u * LANES, P.vocabulary - 1u));`)}
    ${writtenOut(together, (j) => `{ let v = first + ${j}u * LANES; let x = x${j}; if (v < P.vocabulary) { ${text} } }`)}
  }`;
}

const perPart = lanes / parts;

/**
 * `first_largest(lane)`: the lowest id among the largest `of_id(id)` of the vocabulary; 0 when nothing is above -Infinity.
 * Then `not_a_number` is 1 where one was NaN.
 */
const firstLargest = `
var<workgroup> best_value: array<f32, LANES>;
var<workgroup> best_id: array<u32, LANES>;
var<workgroup> not_a_number: atomic<u32>;
var<private> best: f32;
var<private> best_of: u32;
fn challenge(x: f32, id: u32) {
  if (x > best || (x == best && id < best_of)) { best = x; best_of = id; }
}
fn first_largest(lane: u32) -> u32 {
  best = negative_infinity();
  best_of = 0xffffffffu;
  ${walk('if (is_nan(x)) { atomicStore(&not_a_number, 1u); } else if (x > best) { best = x; best_of = v; }')}
  best_value[lane] = best;
  best_id[lane] = best_of;
  workgroupBarrier();
  if (lane < ${parts}u) {
    for (var i = lane * ${perPart}u; i < (lane + 1u) * ${perPart}u; i++) { challenge(best_value[i], best_id[i]); }
  }
  workgroupBarrier();
  if (lane < ${parts}u) {
    best_value[lane] = best;
    best_id[lane] = best_of;
  }
  workgroupBarrier();
  for (var i = 0u; i < ${parts}u; i++) { challenge(best_value[i], best_id[i]); }
  return select(best_of, 0u, best_of == 0xffffffffu);
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
  if (lane == 0u) { ids_put(group, select(id, 0xffffffffu, atomicLoad(&not_a_number) == 1u)); }
}`,
};

export const argmax: KernelOp = {
  assess: (call) => unsupported(call, dtypes) ?? { ok: true, numerics: 'bitwise' },
  dispatches: ({ inputs, outputs, sizes, options }) => [
    dispatch(argmaxKernel, {
      spec: {},
      operands: { logits: operand(inputs['logits']!), ids: operand(outputs['ids']!, []) },
      params: { vocabulary: options['vocabulary'] as number },
      groups: sizes['R']!,
    }),
  ],
};

/** A logit is only passed by where it was drawn before. */
const penaltyKernel: Kernel = {
  name: 'repetition penalty',
  lanes,
  params: ['vocabulary', 'H', 'E'],
  floats: ['penalty'],
  stores: { adjusted: 'words' },
  code: () => `
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e >= P.E) { return; }
  let r = e / P.vocabulary;
  let v = e % P.vocabulary;
  let x = logits(r, v);
  var seen = false;
  for (var h = 0u; h < P.H; h++) { seen = seen || recent(r, h) == i32(v); }
  adjusted_put(e, bitcast<u32>(select(x, select(x * P.penalty, x / P.penalty, x > 0.0), seen)));
}`,
};

/** Ids that are looked at closely at the same time. */
const mostListed = 512;
/** Bits of a key that are found in one walk through the vocabulary, and walks. */
const digit = 4;
const digits = 5;
/** Sums in another order differ by less. */
const margin = 1.0001;

/**
 * A workgroup draws one id. Ids are in the order of their logits, equals by their numbers; what is kept is a prefix of that
 * order and so given by its last id. No sort: the last id of a prefix is found by bisection on the bits of its logit,
 * for what the prefix holds, counted or weighed, then on those of its number. The likeliest ids are put in a list
 * first, which is all that has to be walked through, unless what is wanted reaches beyond them.
 */
const sampleKernel: Kernel = {
  name: 'sample',
  lanes,
  params: ['vocabulary', 'topK', 'bits'],
  floats: ['temperature', 'topP', 'minP'],
  stores: { ids: 'words', logProbs: 'words' },
  code: ({ has }) => {
    /** For every digit but 0. */
    const each = (make: (j: number) => string): string => writtenOut(2 ** digit - 1, (i) => make(i + 1));
    /** Statements for each id `v` with its key `k` and its weight `w`. */
    const walkEntries = (text: string): string => `
  if (listed) {
    for (var i = lane; i < list_size; i += LANES) {
      let v = list_id[i]; let k = list_key[i]; let w = list_weight[i];
      ${text}
    }
  } else {
    for (var v = lane; v < P.vocabulary; v += LANES) {
      let x = of_id(v); let k = key_of(x); let w = weight_of(x);
      ${text}
    }
  }`;
    return `
${negativeInfinity}
${total}
${largest}
var<private> row: u32;
fn given(v: u32) -> f32 { return logits(row, v); }
fn of_id(v: u32) -> f32 { return ${has('adjusted') ? 'adjusted(row, v)' : 'given(v)'}; }
${firstLargest}

// The largest logit.
var<private> most: f32;
fn weight_of(x: f32) -> f32 {
  let w = select(exp_((x - most) / P.temperature), 1.0, x == most);
  return select(w, 0.0, x == negative_infinity());
}
// Whole numbers in the order of the floats; both zeros are one.
fn key_of(x: f32) -> u32 {
  let bits = select(bitcast<u32>(x), 0u, x == 0.0);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

var<workgroup> list_id: array<u32, ${mostListed}>;
var<workgroup> list_key: array<u32, ${mostListed}>;
var<workgroup> list_weight: array<f32, ${mostListed}>;
// What is walked through: so many of the list, or everything.
var<private> listed: bool;
var<private> list_size: u32;

var<workgroup> reached: array<atomic<u32>, ${2 ** digit}>;
// A key that no more ids reach than the list has room for, and about the least of those.
fn least_listed(lane: u32) -> u32 {
  var k = 0u;
  for (var shift = ${32 - digit}u; shift >= ${32 - digit * digits}u; shift -= ${digit}u) {
    if (lane < ${2 ** digit}u) { atomicStore(&reached[lane], 0u); }
    workgroupBarrier();
    ${each((j) => `var n${j} = 0u; let k${j} = k + (${j}u << shift);`)}
    ${walk(`let key = key_of(x); ${each((j) => `n${j} += u32(key >= k${j});`)}`)}
    ${each((j) => `atomicAdd(&reached[${j}], n${j});`)}
    workgroupBarrier();
    ${each((j) => `if (atomicLoad(&reached[${j}]) > ${mostListed}u) { k = k${j}; }`)}
    workgroupBarrier();
  }
  return k + ${2 ** (32 - digit * digits)}u;
}

var<workgroup> shares: array<u32, LANES>;
var<workgroup> part_shares: array<u32, ${parts}>;
// Lists the ids from a key on, in an order that is always the same. @returns how many there are
fn fill(least: u32, lane: u32) -> u32 {
  var own = 0u;
  ${walk('own += u32(key_of(x) >= least);')}
  shares[lane] = own;
  workgroupBarrier();
  let part = lane / ${perPart}u;
  var at = 0u;
  for (var i = part * ${perPart}u; i < lane; i++) { at += shares[i]; }
  if (lane % ${perPart}u == ${perPart - 1}u) { part_shares[part] = at + own; }
  workgroupBarrier();
  var all = 0u;
  for (var i = 0u; i < ${parts}u; i++) {
    if (i == part) { at += all; }
    all += part_shares[i];
  }
  ${walk(`let key = key_of(x); if (key >= least && at < ${mostListed}u) { list_id[at] = v; list_key[at] = key; at++; }`)}
  workgroupBarrier();
  let count = min(all, ${mostListed}u);
  for (var i = lane; i < count; i += LANES) { list_weight[i] = weight_of(of_id(list_id[i])); }
  workgroupBarrier();
  return count;
}

// The last id that is kept.
var<private> last_key: u32;
var<private> last_id: u32;
// 1 once ids of little weight are left out.
var<private> min_weight: f32;
fn kept(k: u32, v: u32, w: f32) -> bool {
  return (k > last_key || (k == last_key && v <= last_id)) && w >= P.minP * min_weight;
}

// What the kept ids of at least this key weigh, or how many they are.
fn above(least: u32, weighed: bool, lane: u32) -> f32 {
  var sum = 0.0;
  ${walkEntries('if (k >= least && kept(k, v, w)) { sum += select(1.0, w, weighed); }')}
  return total(sum, lane);
}

// How many ids below this one have this key.
fn equals(key: u32, below: u32, lane: u32) -> f32 {
  var sum = 0.0;
  ${walkEntries('if (k == key && v < below) { sum += 1.0; }')}
  return total(sum, lane);
}

// Makes the shortest prefix that holds the wanted measure (more than it, if beyond) what is kept.
fn shorten(wanted: f32, weighed: bool, beyond: bool, lane: u32) {
  var key = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let next = key | (0x80000000u >> bit);
    let held = above(next, weighed, lane);
    if (held > wanted || (!beyond && held == wanted)) { key = next; }
  }
  let before = select(above(key + 1u, weighed, lane), 0.0, key == 0xffffffffu);
  let count = equals(key, P.vocabulary, lane);
  var own = 0.0;
  ${walkEntries('if (k == key) { own = max(own, w); }')}
  own = select(1.0, largest(own, lane), weighed);
  let needed = (wanted - before) / own;
  let m = clamp(select(ceil(needed), floor(needed) + 1.0, beyond), 1.0, max(count, 1.0));
  var id = 0u;
  for (var bit = 0u; bit < P.bits; bit++) {
    let next = id | (1u << (P.bits - 1u - bit));
    if (equals(key, next, lane) < m) { id = next; }
  }
  last_key = key;
  last_id = id;
}

// Draws among the kept ids; the likeliest of all if none is likelier than another.
fn drawn(top: u32, lane: u32) -> u32 {
  let by_count = P.topK > 0u && P.topK < P.vocabulary;
  let by_weight = P.topP < 1.0;
  last_key = 0u;
  last_id = P.vocabulary;
  var everything = 0.0;
  var all = 0.0;
  ${walk('let w = weight_of(x); everything += w; all += select(0.0, w, w >= P.minP);')}
  everything = total(everything, lane);
  all = total(all, lane);
  var least = 0u;
  if (P.vocabulary > ${mostListed}u) { least = least_listed(lane); }
  let count = fill(least, lane);
  listed = true;
  list_size = count;
  min_weight = 1.0;
  let of_some_weight = above(0u, true, lane);
  min_weight = 0.0;
  let in_list = above(0u, true, lane);
  var enough = of_some_weight > ${margin} * draw(row) * all;
  if (by_weight) { enough = in_list > ${margin} * P.topP * everything; }
  if (by_count) { enough = count >= P.topK; }
  listed = enough || count == P.vocabulary;
  if (by_count) { shorten(f32(P.topK), false, false, lane); }
  if (by_weight) { shorten(P.topP * select(everything, above(0u, true, lane), by_count), true, false, lane); }
  min_weight = 1.0;
  if (by_count || by_weight) { all = above(0u, true, lane); }
  var threshold = draw(row) * all;
  // Rounded up to everything there is, it would be beyond the last id.
  if (threshold >= all) { threshold = bitcast<f32>(bitcast<u32>(all) - 1u); }
  shorten(threshold, true, true, lane);
  return select(top, last_id, all > 0.0);
}

fn run(group: u32, lane: u32) {
  row = group;
  var id = first_largest(lane);
  most = of_id(id);
  if (P.temperature > 0.0) { id = drawn(id, lane); }

  var largest_given = most;
  ${
    has('adjusted')
      ? `
  largest_given = negative_infinity();
  ${walk('largest_given = max(largest_given, x);', 'given')}
  largest_given = largest(largest_given, lane);`
      : ''
  }
  var sum = 0.0;
  ${walk('sum += select(exp_(x - largest_given), 1.0, x == largest_given);', 'given')}
  let log_sum = log_(total(sum, lane));
  if (lane == 0u) {
    let infinite = (bitcast<u32>(largest_given) & 0x7fffffffu) == 0x7f800000u;
    let none = infinite || atomicLoad(&not_a_number) == 1u;
    ids_put(group, select(id, 0xffffffffu, none));
    logProbs_put(group, select(bitcast<u32>(given(id) - largest_given - log_sum), 0x7fc00000u, none));
  }
}`;
  },
};

export const sample: KernelOp = {
  assess: (call) =>
    unsupported(call, dtypes) ?? {
      ok: true,
      numerics: 'tolerance',
      ...(call.inputs['recentIds'] && {
        scratchBytes: 4 * Math.max(1, call.sizes['R']!) * (call.options['vocabulary'] as number),
      }),
    },

  dispatches(call) {
    const { inputs, outputs, sizes, options, scratch } = call;
    const { R } = sizes as { R: number };
    const { vocabulary, topK, temperature, topP, minP, repetitionPenalty } =
      options as unknown as SampleOptions;
    const logits = operand(inputs['logits']!);
    const recent = maybe(inputs['recentIds']);
    const adjusted = recent && scratchOperand(scratch!, 0, [R, vocabulary]);
    return [
      ...(recent
        ? [
            dispatch(penaltyKernel, {
              spec: {},
              operands: { logits, recent, adjusted },
              params: {
                vocabulary,
                H: sizes['H']!,
                E: R * vocabulary,
                penalty: repetitionPenalty,
              },
              groups: Math.ceil((R * vocabulary) / lanes),
            }),
          ]
        : []),
      dispatch(sampleKernel, {
        spec: {},
        operands: {
          logits,
          adjusted,
          draw: operand(inputs['uniform']!),
          ids: operand(outputs['ids']!, []),
          logProbs: operand(outputs['logProbs']!, []),
        },
        params: {
          vocabulary,
          topK,
          bits: Math.ceil(Math.log2(vocabulary + 1)),
          temperature,
          topP,
          minP,
        },
        groups: R,
      }),
    ];
  },
};
