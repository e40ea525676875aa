import { silu } from './activation';
import { NormArgs } from './args';
import { loadRow, storeRow } from './rows';
import { madd } from './vector';

/*
 * x = x + residual;  x = x silu(gate);  y = x / sqrt(mean(x^2) + eps) * weight, the mean over each group of a row.
 *
 * Scratch: four rows of K in f32, padded to a whole vector.
 */

/** One unit is a row. */
export function rmsNorm(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<NormArgs>(args);
  const step: usize = ((a.K + 3) & ~3) << 2;
  const other = scratch + step;
  const weight = other + step;
  if (a.weight) loadRow(weight, a.weight, a.weightK, a.weightType, a.K);
  for (let r = begin; r < end; r++) {
    loadRow(scratch, a.x + r * a.xR, a.xK, a.dtype, a.K);
    if (a.residual) {
      loadRow(other, a.residual + r * a.residualR, a.residualK, a.sumType, a.K);
      for (let c: usize = 0; c < step; c += 16) v128.store(scratch + c, f32x4.add(v128.load(scratch + c), v128.load(other + c)));
      storeRow(a.sum + r * a.sumR, a.sumK, a.sumType, scratch, a.K);
    }
    if (a.gate) {
      loadRow(other, a.gate + r * a.gateR, a.gateK, a.dtype, a.K);
      for (let c: usize = 0; c < step; c += 16) v128.store(scratch + c, f32x4.mul(v128.load(scratch + c), silu(v128.load(other + c))));
    }
    const width = a.K / a.groups;
    for (let g: u32 = 0; g < a.groups; g++) scaleGroup(scratch + ((g * width) << 2), a.weight ? weight + ((g * width) << 2) : 0, width, a.eps);
    storeRow(a.y + r * a.yR, a.yK, a.dtype, scratch, a.K);
  }
  return 0;
}

function scaleGroup(x: usize, weight: usize, width: u32, eps: f32): void {
  const end = x + (<usize>width << 2);
  let a = f32x4.splat(0), b = f32x4.splat(0);
  let at = x;
  for (; at + 32 <= end; at += 32) {
    const low = v128.load(at), high = v128.load(at, 16);
    a = madd(low, low, a);
    b = madd(high, high, b);
  }
  a = f32x4.add(a, b);
  let squares = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
  for (; at < end; at += 4) squares += load<f32>(at) * load<f32>(at);
  const scale: f32 = 1 / sqrt<f32>(squares / <f32>width + eps);
  const scales = f32x4.splat(scale);
  for (at = x; at + 16 <= end; at += 16) {
    const value = f32x4.mul(v128.load(at), scales);
    v128.store(at, weight ? f32x4.mul(value, v128.load(weight + (at - x))) : value);
  }
  for (; at < end; at += 4) store<f32>(at, load<f32>(at) * scale * (weight ? load<f32>(weight + (at - x)) : 1));
}
