import { BF16, F16, F32, F64, loadScalar, narrowBf16, narrowF16, widenF16 } from './dtype';

/*
 * A row is a run of elements at a byte stride. Kernels compute on f32 rows in their scratch memory; these
 * functions bring rows there and back from every storage dtype, without touching a byte outside the row.
 */

/** `count` elements at `from` to f32 at `to`. */
export function loadRow(to: usize, from: usize, stride: isize, dtype: u32, count: u32): void {
  if (dtype == F32) {
    if (stride == 4) copyRow(to, from, count);
    else for (let i: u32 = 0; i < count; i++, from += stride) store<f32>(to + (<usize>i << 2), load<f32>(from));
  } else if (stride == 2 && (dtype == BF16 || dtype == F16)) {
    loadHalves(to, from, dtype == BF16, count);
  } else {
    for (let i: u32 = 0; i < count; i++, from += stride) store<f32>(to + (<usize>i << 2), <f32>loadScalar(from, dtype));
  }
}

/** Rows are short, and `memory.copy` of a length known only at run time is a call into the engine. */
// @ts-ignore: decorator
@inline
function copyRow(to: usize, from: usize, count: u32): void {
  const end = from + (<usize>count << 2);
  for (; from + 16 <= end; from += 16, to += 16) v128.store(to, v128.load(from));
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}

function loadHalves(to: usize, from: usize, bf16: bool, count: u32): void {
  const vectors = from + (<usize>(count & ~3) << 1);
  while (from < vectors) {
    const bits = v128.load16x4_u(from);
    v128.store(to, bf16 ? i32x4.shl(bits, 16) : widenF16(bits));
    from += 8;
    to += 16;
  }
  for (let i: u32 = count & 3; i > 0; i--, from += 2, to += 4) {
    store<f32>(to, <f32>loadScalar(from, bf16 ? BF16 : F16));
  }
}

// @ts-ignore: decorator
@inline
function bitsOf(x: v128, bf16: bool): v128 {
  return bf16 ? narrowBf16(x) : narrowF16(x);
}

/** `count` f32 at `from` to elements at `to`, rounded once. */
export function storeRow(to: usize, stride: isize, dtype: u32, from: usize, count: u32): void {
  if (dtype == F32) {
    if (stride == 4) copyRow(to, from, count);
    else for (let i: u32 = 0; i < count; i++, to += stride) store<f32>(to, load<f32>(from + (<usize>i << 2)));
  } else if (dtype == F64) {
    for (let i: u32 = 0; i < count; i++, to += stride) store<f64>(to, load<f32>(from + (<usize>i << 2)));
  } else {
    const bf16 = dtype == BF16;
    let i: u32 = 0;
    if (stride == 2) {
      for (; i + 4 <= count; i += 4, to += 8) {
        const bits = bitsOf(v128.load(from + (<usize>i << 2)), bf16);
        v128.store64_lane(to, i8x16.swizzle(bits, i8x16(0, 1, 4, 5, 8, 9, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0)), 0);
      }
    }
    for (; i < count; i++, to += stride) {
      store<u16>(to, <u16>i32x4.extract_lane(bitsOf(v128.load32_splat(from + (<usize>i << 2)), bf16), 0));
    }
  }
}

/** f32 zeros. */
export function clearRow(to: usize, count: u32): void {
  memory.fill(to, 0, <usize>count << 2);
}
