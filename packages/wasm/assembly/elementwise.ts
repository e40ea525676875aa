import { silu, softplus } from './activation';
import { MapArgs } from './args';
import { BF16, F64, I32, I64, I8, loadScalar, U32 } from './dtype';
import { loadRow, storeRow } from './rows';
import { minimum } from './vector';

/*
 * y = f(x) or f(x, b) over views of up to six axes, the innermost last. Rows along the innermost axis are cut
 * into pieces of CHUNK elements; one unit is a piece.
 *
 * Scratch: two pieces in f32.
 */

export const MAP_CHUNK: u32 = 1024;

export const MAP_ADD: u32 = 1;
export const MAP_SILU: u32 = 2;
export const MAP_SOFTPLUS: u32 = 3;
/** To another dtype, rounded once; integers are cut towards zero and kept in range. */
export const MAP_CAST: u32 = 4;
/** Bit by bit, elements of `xType` = `yType` bytes. */
export const MAP_MOVE: u32 = 5;


export function map(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<MapArgs>(args);
  const pieces = (a.e5 + MAP_CHUNK - 1) / MAP_CHUNK;
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % pieces) * MAP_CHUNK;
    const count = minimum(MAP_CHUNK, a.e5 - first);
    let rest = unit / pieces;
    let x = a.x + first * a.x5, b = a.b + first * a.b5, y = a.y + first * a.y5;
    let i = rest % a.e4;
    rest /= a.e4;
    x += i * a.x4, b += i * a.b4, y += i * a.y4;
    i = rest % a.e3;
    rest /= a.e3;
    x += i * a.x3, b += i * a.b3, y += i * a.y3;
    i = rest % a.e2;
    rest /= a.e2;
    x += i * a.x2, b += i * a.b2, y += i * a.y2;
    i = rest % a.e1;
    rest /= a.e1;
    x += i * a.x1 + rest * a.x0, b += i * a.b1 + rest * a.b0, y += i * a.y1 + rest * a.y0;
    if (a.kind == MAP_MOVE) moveRow(y, a.y5, x, a.x5, a.xType, count);
    else if (a.kind == MAP_CAST) castRow(y, a.y5, a.yType, x, a.x5, a.xType, count, scratch);
    else mapRow(a, y, x, b, count, scratch);
  }
  return 0;
}

function mapRow(a: MapArgs, y: usize, x: usize, b: usize, count: u32, scratch: usize): void {
  const other = scratch + (MAP_CHUNK << 2);
  const end: usize = count << 2;
  loadRow(scratch, x, a.x5, a.xType, count);
  if (a.kind == MAP_ADD) {
    loadRow(other, b, a.b5, a.xType, count);
    for (let c: usize = 0; c < end; c += 16) v128.store(scratch + c, f32x4.add(v128.load(scratch + c), v128.load(other + c)));
  } else if (a.kind == MAP_SILU) {
    for (let c: usize = 0; c < end; c += 16) v128.store(scratch + c, silu(v128.load(scratch + c)));
  } else {
    for (let c: usize = 0; c < end; c += 16) v128.store(scratch + c, softplus(v128.load(scratch + c)));
  }
  storeRow(y, a.y5, a.yType, scratch, count);
}

function castRow(y: usize, yStride: isize, yType: u32, x: usize, xStride: isize, xType: u32, count: u32, scratch: usize): void {
  if (xType <= BF16 && yType <= F64) {
    loadRow(scratch, x, xStride, xType, count);
    storeRow(y, yStride, yType, scratch, count);
  } else if (yType <= BF16) {
    for (let i: u32 = 0; i < count; i++, x += xStride) store<f32>(scratch + (i << 2), <f32>loadScalar(x, xType));
    storeRow(y, yStride, yType, scratch, count);
  } else {
    for (let i: u32 = 0; i < count; i++, x += xStride, y += yStride) storeScalar(y, yType, loadScalar(x, xType));
  }
}

/** Conversions saturate, and NaN becomes 0. */
function storeScalar(to: usize, dtype: u32, value: f64): void {
  if (dtype == F64) store<f64>(to, value);
  else if (dtype == I32) store<i32>(to, <i32>value);
  else if (dtype == U32) store<u32>(to, <u32>value);
  // The largest double below 2^63, as the contract's number arithmetic has it.
  else if (dtype == I64) store<i64>(to, <i64>min(value, 9223372036854774784));
  else if (dtype == I8) store<i8>(to, <i8>max(-128, min(127, <i32>value)));
  else store<u8>(to, <u8>min(255, <u32>value));
}

function moveRow(to: usize, toStride: isize, from: usize, stride: isize, bytes: u32, count: u32): void {
  if (stride == bytes && toStride == bytes) {
    memory.copy(to, from, <usize>count * bytes);
    return;
  }
  for (let i: u32 = 0; i < count; i++, to += toStride, from += stride) {
    if (bytes == 4) store<u32>(to, load<u32>(from));
    else if (bytes == 2) store<u16>(to, load<u16>(from));
    else if (bytes == 8) store<u64>(to, load<u64>(from));
    else store<u8>(to, load<u8>(from));
  }
}
