import { BF16, F16, F32, I8 } from './dtype';
import { highOutputs, loadStep, lowOutputs, nextStep, panelStep } from './panel';
import { madd } from './vector';

/*
 * One row of x times four panels at once, 8 accumulators: enough chains of multiply-adds to wait for nothing but
 * the weights, which arrive as four streams.
 */

/** Panels at a time. */
// @ts-ignore: decorator
@inline
export const STREAMS: u32 = 4;

/** out [4][8] = x [k] times the panels p0..p3, each [k][8]. Every output is one chain over k, as in a tile. */
export function multiplyStreams(
  out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, dtype: u32, K: u32,
): void {
  if (dtype == F32) f32Streams(out, x, p0, p1, p2, p3, K);
  else if (dtype == BF16) bf16Streams(out, x, p0, p1, p2, p3, K);
  else if (dtype == I8) i8Streams(out, x, p0, p1, p2, p3, K);
  else f16Streams(out, x, p0, p1, p2, p3, K);
}

function f32Streams(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  for (let end = x + (<usize>K << 2); x < end; x += 4, p0 += 32, p1 += 32, p2 += 32, p3 += 32) {
    const s = v128.load32_splat(x);
    a0 = madd(s, v128.load(p0), a0);
    a1 = madd(s, v128.load(p0, 16), a1);
    b0 = madd(s, v128.load(p1), b0);
    b1 = madd(s, v128.load(p1, 16), b1);
    c0 = madd(s, v128.load(p2), c0);
    c1 = madd(s, v128.load(p2, 16), c1);
    d0 = madd(s, v128.load(p3), d0);
    d1 = madd(s, v128.load(p3, 16), d1);
  }
  storeStreams(out, a0, a1, b0, b1, c0, c1, d0, d1);
}

// Functions of their own, or Binaryen folds both loops into one that asks for the format at every step.
function bf16Streams(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  narrowStreams(out, x, p0, p1, p2, p3, K, BF16);
}

function i8Streams(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  narrowStreams(out, x, p0, p1, p2, p3, K, I8);
}

function f16Streams(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  narrowStreams(out, x, p0, p1, p2, p3, K, F16);
}

// @ts-ignore: decorator
@inline
function narrowStreams(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32, dtype: u32): void {
  const step = panelStep(dtype);
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  const last = x + (<usize>K << 2);
  for (const end = last - 4; x < end; x += 8, p0 += 2 * step, p1 += 2 * step, p2 += 2 * step, p3 += 2 * step) {
    const s = v128.load32_splat(x);
    const w0 = loadStep(p0, dtype);
    a0 = madd(s, lowOutputs(w0, dtype), a0);
    a1 = madd(s, highOutputs(w0, dtype), a1);
    const w1 = loadStep(p1, dtype);
    b0 = madd(s, lowOutputs(w1, dtype), b0);
    b1 = madd(s, highOutputs(w1, dtype), b1);
    const w2 = loadStep(p2, dtype);
    c0 = madd(s, lowOutputs(w2, dtype), c0);
    c1 = madd(s, highOutputs(w2, dtype), c1);
    const w3 = loadStep(p3, dtype);
    d0 = madd(s, lowOutputs(w3, dtype), d0);
    d1 = madd(s, highOutputs(w3, dtype), d1);
    const t = v128.load32_splat(x, 4);
    const v0 = nextStep(p0, dtype);
    a0 = madd(t, lowOutputs(v0, dtype), a0);
    a1 = madd(t, highOutputs(v0, dtype), a1);
    const v1 = nextStep(p1, dtype);
    b0 = madd(t, lowOutputs(v1, dtype), b0);
    b1 = madd(t, highOutputs(v1, dtype), b1);
    const v2 = nextStep(p2, dtype);
    c0 = madd(t, lowOutputs(v2, dtype), c0);
    c1 = madd(t, highOutputs(v2, dtype), c1);
    const v3 = nextStep(p3, dtype);
    d0 = madd(t, lowOutputs(v3, dtype), d0);
    d1 = madd(t, highOutputs(v3, dtype), d1);
  }
  if (x < last) {
    const s = v128.load32_splat(x);
    const w0 = loadStep(p0, dtype);
    a0 = madd(s, lowOutputs(w0, dtype), a0);
    a1 = madd(s, highOutputs(w0, dtype), a1);
    const w1 = loadStep(p1, dtype);
    b0 = madd(s, lowOutputs(w1, dtype), b0);
    b1 = madd(s, highOutputs(w1, dtype), b1);
    const w2 = loadStep(p2, dtype);
    c0 = madd(s, lowOutputs(w2, dtype), c0);
    c1 = madd(s, highOutputs(w2, dtype), c1);
    const w3 = loadStep(p3, dtype);
    d0 = madd(s, lowOutputs(w3, dtype), d0);
    d1 = madd(s, highOutputs(w3, dtype), d1);
  }
  storeStreams(out, a0, a1, b0, b1, c0, c1, d0, d1);
}

// @ts-ignore: decorator
@inline
function storeStreams(out: usize, a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128): void {
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, b0, 32);
  v128.store(out, b1, 48);
  v128.store(out, c0, 64);
  v128.store(out, c1, 80);
  v128.store(out, d0, 96);
  v128.store(out, d1, 112);
}
