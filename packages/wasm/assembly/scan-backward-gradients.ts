import { DS, DT, DU, LANES, PAIR_ROW, PROJECTED, Q, R, ROW, STATES } from './scan-backward-states';
import { madd } from './vector';

/**
 * The way back of two states of a block over a tile. g, dA and A are [2][8]; so are B, C, dB and dC where they do not
 * vary. A stays in memory: with g and dA in registers there is room for what one step needs.
 */
// @ts-ignore: decorator
@inline
export function gradientsOfPair(
  tile: usize, sums: usize, pair: usize, A: usize, g: usize, dA: usize, B: usize, C: usize, dB: usize, dC: usize,
  projected: usize, lanes: usize, steps: u32, BVaries: bool, CVaries: bool,
): void {
  let g00 = v128.load(g), g01 = v128.load(g, 16), g10 = v128.load(g, 32), g11 = v128.load(g, 48);
  let dA00 = v128.load(dA), dA01 = v128.load(dA, 16), dA10 = v128.load(dA, 32), dA11 = v128.load(dA, 48);
  const last = steps - 1;
  let b = projected + last * PROJECTED;
  pair += last * PAIR_ROW;
  lanes += last * LANES;
  sums += last * ROW;
  for (let at = tile + last * ROW; at >= tile; at -= ROW, sums -= ROW, pair -= PAIR_ROW, lanes -= LANES, b -= PROJECTED) {
    const ds0 = v128.load(at, DS), ds1 = v128.load(at, DS + 16);
    g00 = madd(ds0, CVaries ? v128.load32_splat(b, 8) : v128.load(C), g00);
    g01 = madd(ds1, CVaries ? v128.load32_splat(b, 8) : v128.load(C, 16), g01);
    g10 = madd(ds0, CVaries ? v128.load32_splat(b, 12) : v128.load(C, 32), g10);
    g11 = madd(ds1, CVaries ? v128.load32_splat(b, 12) : v128.load(C, 48), g11);
    const h00 = v128.load(pair, STATES + PAIR_ROW), h01 = v128.load(pair, STATES + PAIR_ROW + 16);
    const h10 = v128.load(pair, STATES + PAIR_ROW + 32), h11 = v128.load(pair, STATES + PAIR_ROW + 48);
    if (CVaries) {
      v128.store(lanes, madd(ds0, h00, madd(ds1, h01, v128.load(lanes, 32))), 32);
      v128.store(lanes, madd(ds0, h10, madd(ds1, h11, v128.load(lanes, 48))), 48);
    } else {
      accumulate(dC, ds0, h00, ds1, h01, ds0, h10, ds1, h11);
    }
    const du0 = v128.load(at, DU), du1 = v128.load(at, DU + 16);
    if (BVaries) {
      v128.store(lanes, madd(g00, du0, madd(g01, du1, v128.load(lanes))));
      v128.store(lanes, madd(g10, du0, madd(g11, du1, v128.load(lanes, 16))), 16);
      const b0 = v128.load32_splat(b), b1 = v128.load32_splat(b, 4);
      v128.store(sums, madd(g00, b0, madd(g10, b1, v128.load(sums, Q))), Q);
      v128.store(sums, madd(g01, b0, madd(g11, b1, v128.load(sums, Q + 16))), Q + 16);
    } else {
      accumulate(dB, g00, du0, g01, du1, g10, du0, g11, du1);
      v128.store(sums, madd(g00, v128.load(B), madd(g10, v128.load(B, 32), v128.load(sums, Q))), Q);
      v128.store(sums, madd(g01, v128.load(B, 16), madd(g11, v128.load(B, 48), v128.load(sums, Q + 16))), Q + 16);
    }
    g00 = f32x4.mul(g00, v128.load(pair));
    g10 = f32x4.mul(g10, v128.load(pair, 32));
    const dt0 = v128.load(at, DT);
    const m00 = f32x4.mul(g00, v128.load(pair, STATES)), m10 = f32x4.mul(g10, v128.load(pair, STATES + 32));
    v128.store(sums, madd(m00, v128.load(A), madd(m10, v128.load(A, 32), v128.load(sums, R))), R);
    dA00 = madd(m00, dt0, dA00);
    dA10 = madd(m10, dt0, dA10);
    g01 = f32x4.mul(g01, v128.load(pair, 16));
    g11 = f32x4.mul(g11, v128.load(pair, 48));
    const dt1 = v128.load(at, DT + 16);
    const m01 = f32x4.mul(g01, v128.load(pair, STATES + 16)), m11 = f32x4.mul(g11, v128.load(pair, STATES + 48));
    v128.store(sums, madd(m01, v128.load(A, 16), madd(m11, v128.load(A, 48), v128.load(sums, R + 16))), R + 16);
    dA01 = madd(m01, dt1, dA01);
    dA11 = madd(m11, dt1, dA11);
  }
  v128.store(g, g00);
  v128.store(g, g01, 16);
  v128.store(g, g10, 32);
  v128.store(g, g11, 48);
  v128.store(dA, dA00);
  v128.store(dA, dA01, 16);
  v128.store(dA, dA10, 32);
  v128.store(dA, dA11, 48);
}

/** [2][8] += products: of a projection that does not vary. */
// @ts-ignore: decorator
@inline
function accumulate(to: usize, x00: v128, y00: v128, x01: v128, y01: v128, x10: v128, y10: v128, x11: v128, y11: v128): void {
  v128.store(to, madd(x00, y00, v128.load(to)));
  v128.store(to, madd(x01, y01, v128.load(to, 16)), 16);
  v128.store(to, madd(x10, y10, v128.load(to, 32)), 32);
  v128.store(to, madd(x11, y11, v128.load(to, 48)), 48);
}
