/*
 * A list of the ids 0..count-1 by falling value, equal values by rising id, that is sorted only as far as it is
 * looked at: ids are dealt into 2048 buckets by the leading bits of their value, and a bucket is put in order
 * when the first of its places is asked for. Draws mostly end in the first few.
 *
 * Memory: how far the list is in order and its next bucket, the ends of the buckets, counters, then ids and keys,
 * twice.
 */

// @ts-ignore: decorator
@inline const BUCKETS: u32 = 2048;
// @ts-ignore: decorator
@inline const BUCKET_SHIFT: u32 = 21;
// @ts-ignore: decorator
@inline const SORTED: usize = 0;
// @ts-ignore: decorator
@inline const NEXT: usize = 4;
// @ts-ignore: decorator
@inline const COUNT: usize = 8;
// @ts-ignore: decorator
@inline const ENDS: usize = 16;
// @ts-ignore: decorator
@inline const COUNTERS: usize = ENDS + BUCKETS * 4;
// @ts-ignore: decorator
@inline const IDS: usize = COUNTERS + BUCKETS * 4;
/** Up to here moving neighbours is quicker than dealing out again. */
// @ts-ignore: decorator
@inline const FEW: u32 = 24;

/** Words of memory beside four for every value. */
export const SORT_WORDS: u32 = 4 + 2 * BUCKETS;

/** Smaller for larger values: the bits of a float order like integers once negative ones are turned over. */
// @ts-ignore: decorator
@inline
function keyOf(value: f32): u32 {
  // -0 becomes 0, its equal.
  const bits = reinterpret<i32>(value + 0);
  return ~(bits ^ ((bits >> 31) | 0x80000000));
}

/** Deals `count` values (without NaN) into buckets. */
export function listByValue(list: usize, values: usize, count: u32): void {
  const ends = list + ENDS, ids = list + IDS, keys = ids + (count << 2);
  store<u32>(list, 0, SORTED);
  store<u32>(list, 0, NEXT);
  store<u32>(list, count, COUNT);
  memory.fill(ends, 0, BUCKETS << 2);
  for (let i: u32 = 0; i < count; i++) {
    const bucket = ends + ((keyOf(load<f32>(values + (i << 2))) >> BUCKET_SHIFT) << 2);
    store<u32>(bucket, load<u32>(bucket) + 1);
  }
  startsOf(ends, BUCKETS);
  // Each start moves to the end of its bucket while the bucket fills up.
  for (let i: u32 = 0; i < count; i++) {
    const key = keyOf(load<f32>(values + (i << 2)));
    const bucket = ends + ((key >> BUCKET_SHIFT) << 2);
    const place = load<u32>(bucket);
    store<u32>(bucket, place + 1);
    store<u32>(ids + (place << 2), i);
    store<u32>(keys + (place << 2), key);
  }
}

/** The id at a place of the list. */
export function idAt(list: usize, place: u32): u32 {
  while (place >= load<u32>(list, SORTED)) sortNextBucket(list);
  return load<u32>(list + IDS + (place << 2));
}

function sortNextBucket(list: usize): void {
  const bucket = load<u32>(list, NEXT);
  const first = load<u32>(list, SORTED);
  const end = load<u32>(list + ENDS + (bucket << 2));
  store<u32>(list, bucket + 1, NEXT);
  store<u32>(list, end, SORTED);
  const count = load<u32>(list, COUNT) << 2;
  const ids = list + IDS + (first << 2), keys = ids + count;
  const otherIds = keys + count, otherKeys = otherIds + count;
  if (end - first <= FEW) {
    insertionSort(ids, keys, end - first);
  } else {
    deal(otherIds, otherKeys, ids, keys, end - first, 0, list + COUNTERS);
    deal(ids, keys, otherIds, otherKeys, end - first, 11, list + COUNTERS);
  }
}

function insertionSort(ids: usize, keys: usize, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    const id = load<u32>(ids + (i << 2)), key = load<u32>(keys + (i << 2));
    let at = i << 2;
    for (; at > 0 && load<u32>(keys + at - 4) > key; at -= 4) {
      store<u32>(ids + at, load<u32>(ids + at - 4));
      store<u32>(keys + at, load<u32>(keys + at - 4));
    }
    store<u32>(ids + at, id);
    store<u32>(keys + at, key);
  }
}

/** One stable pass over 11 bits of the keys. */
function deal(toIds: usize, toKeys: usize, ids: usize, keys: usize, count: u32, shift: u32, counters: usize): void {
  memory.fill(counters, 0, BUCKETS << 2);
  for (let i: u32 = 0; i < count; i++) {
    const counter = counters + (((load<u32>(keys + (i << 2)) >> shift) & (BUCKETS - 1)) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
  }
  startsOf(counters, BUCKETS);
  for (let i: u32 = 0; i < count; i++) {
    const key = load<u32>(keys + (i << 2));
    const counter = counters + (((key >> shift) & (BUCKETS - 1)) << 2);
    const place = load<u32>(counter);
    store<u32>(counter, place + 1);
    store<u32>(toIds + (place << 2), load<u32>(ids + (i << 2)));
    store<u32>(toKeys + (place << 2), key);
  }
}

/** Counts become the places where each kind starts. */
function startsOf(counts: usize, length: u32): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const count = load<u32>(counts + (i << 2));
    store<u32>(counts + (i << 2), sum);
    sum += count;
  }
}
