import { LogitsArgs } from './args';
import { exp } from './exponential';
import { loadRow } from './rows';
import { idAt, listByValue } from './sort';

/*
 * What is asked of logits where they live. One unit is a row, whose scratch holds it in f32, padded with
 * -infinity to a whole vector.
 */

const NONE: f32 = -Infinity;

/** The first `count` logits of a row as f32, padded. */
function loadLogits(to: usize, a: LogitsArgs, row: u32, count: u32): void {
  loadRow(to, a.logits + row * a.logitsR, a.logitsV, a.dtype, count);
  const end = to + (<usize>count << 2);
  const padded = to + (<usize>((count + 3) & ~3) << 2);
  for (let at = end; at < padded; at += 4) store<f32>(at, NONE);
}

function hasNaN(row: usize, count: u32): bool {
  let faults = i32x4.splat(0);
  for (let at = row, end = row + (<usize>count << 2); at < end; at += 16) {
    const x = v128.load(at);
    faults = v128.or(faults, f32x4.ne(x, x));
  }
  return v128.any_true(faults);
}

/** The largest value; NaN is never larger. */
function largest(row: usize, count: u32): f32 {
  let most = f32x4.splat(NONE);
  for (let at = row, end = row + (<usize>count << 2); at < end; at += 16) most = f32x4.pmax(most, v128.load(at));
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

/** The lowest index of a value that is in the row; 0 for -infinity. */
function firstOf(row: usize, value: f32, count: u32): u32 {
  if (value == NONE) return 0;
  let i: u32 = 0;
  while (i < count && load<f32>(row + (<usize>i << 2)) != value) i++;
  return i;
}

/** log(sum exp(x)); NaN when a value is NaN or the largest is infinite. Blocks are added in f64. */
function logSumExp(row: usize, count: u32): f64 {
  const most = largest(row, count);
  const shift = f32x4.splat(most);
  let sum: f64 = 0;
  let faults = i32x4.splat(0);
  for (let at = row, end = row + (<usize>count << 2); at < end; ) {
    const stop = min(at + 1024, end);
    let block = f32x4.splat(0);
    for (; at < stop; at += 16) {
      const x = v128.load(at);
      faults = v128.or(faults, f32x4.ne(x, x));
      block = f32x4.add(block, exp(f32x4.sub(x, shift)));
    }
    sum += lanes(block);
  }
  if (v128.any_true(faults) || most - most != 0) return NaN;
  return <f64>most + Math.log(sum);
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): f64 {
  return <f64>f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (<f64>f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The logit as it was given, at one place of a row. */
function givenLogit(a: LogitsArgs, row: u32, id: u32, scratch: usize): f32 {
  loadRow(scratch, a.logits + row * a.logitsR + id * a.logitsV, a.logitsV, a.dtype, 1);
  return load<f32>(scratch);
}

/** loss = log(sum exp(logits)) - logits[target]; 0 for a negative target. Returns 0, or 1 + a row whose target is outside. */
export function crossEntropy(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<LogitsArgs>(args);
  for (let r = begin; r < end; r++) {
    const target = load<i32>(a.targets + r * a.targetsR);
    if (target >= <i32>a.V) return r + 1;
    let loss: f32 = 0;
    if (target >= 0) {
      loadLogits(scratch, a, r, a.V);
      const picked = load<f32>(scratch + (<usize>target << 2));
      loss = <f32>(logSumExp(scratch, a.V) - picked);
    }
    store<f32>(a.loss + (r << 2), loss);
  }
  return 0;
}

export function argmax(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<LogitsArgs>(args);
  for (let r = begin; r < end; r++) {
    loadLogits(scratch, a, r, a.vocabulary);
    const id: i32 = hasNaN(scratch, a.vocabulary)
      ? -1
      : firstOf(scratch, largest(scratch, a.vocabulary), a.vocabulary);
    store<i32>(a.ids + (r << 2), id);
  }
  return 0;
}

/**
 * Penalty, temperature, top-k, top-p, min-p, then the inverse of the cumulated distribution. The candidates
 * always are the head of the list of ids by falling logit.
 * Returns 0, or 1 + a row with a recent id outside [0, V).
 *
 * Scratch: the row and its weights, each padded to a whole vector, then the list.
 */
export function sample(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<LogitsArgs>(args);
  for (let r = begin; r < end; r++) {
    loadLogits(scratch, a, r, a.vocabulary);
    const total = logSumExp(scratch, a.vocabulary);
    if (!penalise(scratch, a, r)) return r + 1;
    // The softmax of NaN or infinity, or of nothing but -infinity, is no distribution.
    if (total != total) {
      store<i32>(a.ids + (r << 2), -1);
      store<f32>(a.logProbs + (r << 2), NaN);
      continue;
    }
    const id = draw(scratch, a, load<f32>(a.uniform + r * a.uniformR));
    store<u32>(a.ids + (r << 2), id);
    const logit = givenLogit(a, r, id, scratch);
    store<f32>(a.logProbs + (r << 2), <f32>(logit - total));
  }
  return 0;
}

/** Once for each recent id: a positive logit is divided, a negative one multiplied. False for an id outside. */
function penalise(row: usize, a: LogitsArgs, r: u32): bool {
  const penalty = load<f64>(changetype<usize>(a), offsetof<LogitsArgs>('repetitionPenalty0'));
  const recent = a.recentIds + r * a.recentR;
  for (let i: u32 = 0; i < a.H; i++) {
    const id = load<i32>(recent + i * a.recentH);
    if (id >= <i32>a.V) return false;
    if (id < 0 || id >= <i32>a.vocabulary || seenBefore(recent, a.recentH, i, id)) continue;
    const at = row + (<usize>id << 2);
    const logit: f64 = load<f32>(at);
    store<f32>(at, <f32>(logit > 0 ? logit / penalty : logit * penalty));
  }
  return true;
}

function seenBefore(ids: usize, stride: isize, count: u32, id: i32): bool {
  for (let i: u32 = 0; i < count; i++) if (load<i32>(ids + i * stride) == id) return true;
  return false;
}

function draw(row: usize, a: LogitsArgs, uniform: f32): u32 {
  const V = a.vocabulary;
  const temperature = load<f64>(changetype<usize>(a), offsetof<LogitsArgs>('temperature0'));
  const topP = load<f64>(changetype<usize>(a), offsetof<LogitsArgs>('topP0'));
  const minP = load<f64>(changetype<usize>(a), offsetof<LogitsArgs>('minP0'));
  const most = largest(row, V);
  const cooling = <f32>(1 / temperature);
  // The penalty left nothing finite to tell the ids apart, or nothing but the largest counts.
  if (most - most != 0 || cooling == Infinity) return firstOf(row, most, V);

  const weights = row + (<usize>((V + 3) & ~3) << 2);
  const list = weights + (<usize>((V + 3) & ~3) << 2);
  let total = weigh(weights, row, most, cooling, V);
  listByValue(list, row, V);
  let kept = V;
  if (a.topK > 0 && a.topK < V) {
    kept = a.topK;
    total = 0;
    for (let i: u32 = 0; i < kept; i++) total += weightAt(weights, list, i);
  }
  if (topP < 1) {
    const wanted = topP * total;
    const most = kept;
    total = 0;
    kept = 0;
    while (kept < most && total < wanted) total += weightAt(weights, list, kept++);
  }
  if (minP > 0) {
    const most = kept;
    total = 0;
    kept = 0;
    for (; kept < most; kept++) {
      const weight = weightAt(weights, list, kept);
      if (weight < minP) break;
      total += weight;
    }
  }
  const threshold = <f64>uniform * total;
  let cumulated: f64 = 0;
  let likely: u32 = 0;
  for (let i: u32 = 0; i < kept; i++) {
    const weight = weightAt(weights, list, i);
    cumulated += weight;
    if (cumulated > threshold) return idAt(list, i);
    if (weight > 0) likely = i;
  }
  // The sum over all ids was made in another order, and rounding may have made it larger than this one.
  return idAt(list, likely);
}

/** e^((x - most) cooling), and their sum. */
function weigh(to: usize, row: usize, most: f32, cooling: f32, count: u32): f64 {
  const shift = f32x4.splat(most), factor = f32x4.splat(cooling);
  let sum: f64 = 0;
  for (let at = row, end = row + (<usize>count << 2); at < end; ) {
    const stop = min(at + 1024, end);
    let block = f32x4.splat(0);
    for (; at < stop; at += 16, to += 16) {
      const weight = exp(f32x4.mul(f32x4.sub(v128.load(at), shift), factor));
      v128.store(to, weight);
      block = f32x4.add(block, weight);
    }
    sum += lanes(block);
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function weightAt(weights: usize, list: usize, place: u32): f64 {
  return load<f32>(weights + (<usize>idAt(list, place) << 2));
}
