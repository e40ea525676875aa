import { CrossEntropyBackwardArgs, EmbeddingBackwardArgs } from './args';
import { exp } from './exponential';
import { clearRow, loadRow, storeRow } from './rows';
import { minimum } from './vector';

/** dlogits = (softmax(logits) - onehot(target)) dloss; one unit is one row. @returns 1 + the row of a target that is outside */
export function crossEntropyBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<CrossEntropyBackwardArgs>(args);
  const bytes: usize = ((<usize>a.V + 3) & ~3) << 2;
  for (; begin < end; begin++) {
    const target = load<i32>(a.targets + begin * a.targetsR);
    if (target >= <i32>a.V) return 1 + begin;
    const to = a.dlogits + begin * a.dlogitsR;
    if (target < 0) {
      clearRow(scratch, a.V);
    } else {
      // Lanes beyond the row add nothing to the sum.
      for (let i = scratch + bytes - 16; i < scratch + bytes; i += 4) store<f32>(i, -Infinity);
      loadRow(scratch, a.logits + begin * a.logitsR, a.logitsV, a.dtype, a.V);
      softmax(scratch, bytes);
      const scale = f32x4.splat(load<f32>(a.dloss + begin * a.dlossR));
      const at = scratch + (<usize>target << 2);
      store<f32>(at, load<f32>(at) - 1);
      for (let i = scratch; i < scratch + bytes; i += 16) v128.store(i, f32x4.mul(v128.load(i), scale));
    }
    storeRow(to, a.dlogitsV, a.dtype, scratch, a.V);
  }
  return 0;
}

/** NaN everywhere when a value is NaN or the largest is infinite. */
function softmax(row: usize, bytes: usize): void {
  let most = v128.load(row);
  for (let i = row; i < row + bytes; i += 16) most = f32x4.max(most, v128.load(i));
  const largest = f32x4.splat(max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3))));
  // NaN is the largest where there is one, and infinity less itself is NaN, which the exponential keeps.
  let low = f64x2.splat(0), high = f64x2.splat(0);
  for (let i = row; i < row + bytes; i += 16) {
    const e = exp(f32x4.sub(v128.load(i), largest));
    v128.store(i, e);
    low = f64x2.add(low, f64x2.promote_low_f32x4(e));
    high = f64x2.add(high, f64x2.promote_low_f32x4(i8x16.shuffle(e, e, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)));
  }
  const all = f64x2.add(low, high);
  const scale = f32x4.splat(<f32>(1 / (f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1))));
  for (let i = row; i < row + bytes; i += 16) v128.store(i, f32x4.mul(v128.load(i), scale));
}

/**
 * The rows of dy added to the rows of dweight that ids name, in their order. One unit is 64 columns.
 * @returns 1 + the position of an id that is outside
 */
export function embeddingBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<EmbeddingBackwardArgs>(args);
  for (; begin < end; begin++) {
    const k = begin * 64;
    const count = minimum(64, a.K - k);
    for (let v: u32 = 0; v < a.V; v++) clearRow(a.dweight + ((<usize>v * a.K + k) << 2), count);
    for (let r: u32 = 0; r < a.R; r++) {
      const id = load<u32>(a.ids + (<usize>r << 2));
      if (id >= a.V) return 1 + r;
      loadRow(scratch, a.dy + r * a.dyR + k * a.dyK, a.dyK, a.dtype, count);
      const to = a.dweight + ((<usize>id * a.K + k) << 2);
      for (let i: usize = 0; i < <usize>count << 2; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(scratch + i));
    }
  }
  return 0;
}
