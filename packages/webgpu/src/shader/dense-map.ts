import type { DType } from '@ss/core';
import { bitsOf, perWord } from './storage.ts';

/**
 * The `run` of a kernel that fills a dense output of `P.E` elements, given `fn value(e: u32)`, or with `raw` the stored
 * `fn bits(e: u32) -> u32`. Every invocation owns whole words of it; of the last one only what belongs to the tensor.
 */
export function denseMap(output: string, dtype: DType, raw = false): string {
  const per = perWord(dtype);
  const bits = raw ? '' : `fn bits(e: u32) -> u32 { return ${bitsOf(dtype, 'value(e)')}; }`;
  if (per === 1) {
    return `${bits}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  if (e < P.E) { ${output}_put(e, bits(e)); }
}`;
  }
  const width = 32 / per;
  return `${bits}
fn run(group: u32, lane: u32) {
  let first = (group * LANES + lane) * ${per}u;
  if (first >= P.E) { return; }
  let count = min(${per}u, P.E - first);
  var word = 0u;
  for (var k = 0u; k < count; k++) { word |= bits(first + k) << (k * ${width}u); }
  if (count < ${per}u) {
    word |= ${output}_word(first / ${per}u) & ~((1u << (count * ${width}u)) - 1u);
  }
  ${output}_put(first / ${per}u, word);
}`;
}

/** Workgroups of a dense map. */
export function denseGroups(elements: number, dtype: DType, lanes: number): number {
  return Math.ceil(elements / (Math.max(1, perWord(dtype)) * lanes));
}
