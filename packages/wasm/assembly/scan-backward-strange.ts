import { exp } from './exponential';
import { Slice } from './scan-backward-slice';
import { DS, DT, DU, LANES, PROJECTED, Q, R, ROW, SCAN_BACKWARD_TILE, TILE_BYTES, Y } from './scan-backward-states';
import { minimum } from './vector';

/*
 * The way forward and back of one block over one tile where an input is infinite or NaN, state by state and channel by
 * channel. Vectors have lanes that are no channel and pairs a half that is no state; zero times infinity would be NaN
 * there, and reach the sums over channels and states.
 */

/** Of one step: a, then h before it. */
// @ts-ignore: decorator
@inline const STEP: usize = 8;

export function strangeTile(s: Slice, start: usize, k: u32, steps: u32, BVaries: bool, CVaries: bool): void {
  const channels = minimum(8, s.count - k * 8);
  for (let n: u32 = 0; n < s.N; n++) {
    for (let c: u32 = 0; c < channels; c++) strangeState(s, start, k, n, c << 2, steps, BVaries, CVaries);
  }
}

function strangeState(
  s: Slice, start: usize, k: u32, n: u32, lane: usize, steps: u32, BVaries: bool, CVaries: bool,
): void {
  const i = (<usize>k * s.states + n) * ROW + lane;
  const tile = s.tiles + k * TILE_BYTES + lane;
  const own: usize = (n & 1) << 2, pair: usize = n >> 1;
  const projected = s.projected + pair * (SCAN_BACKWARD_TILE * PROJECTED) + own;
  const lanes = s.lanes + pair * (SCAN_BACKWARD_TILE * LANES) + (own << 2);
  const A = load<f32>(s.A + i), constantB = load<f32>(s.constantB + i), constantC = load<f32>(s.constantC + i);
  let h = load<f32>(start + i);
  for (let t: usize = 0; t < steps; t++) {
    const at = tile + t * ROW, b = projected + t * PROJECTED, kept = s.pair + t * STEP, sums = s.sums + t * ROW + lane;
    const a = f32x4.extract_lane(exp(f32x4.splat(load<f32>(at, DT) * A)), 0);
    store<f32>(kept, a);
    store<f32>(kept, h, 4);
    h = a * h + load<f32>(at, DU) * (BVaries ? load<f32>(b) : constantB);
    add(sums + Y, h * (CVaries ? load<f32>(b, 8) : constantC));
  }
  let g = load<f32>(s.g + i);
  for (let t: isize = steps - 1; t >= 0; t--) {
    const at = tile + t * ROW, b = projected + t * PROJECTED, kept = s.pair + t * STEP, sums = s.sums + t * ROW + lane;
    const ds = load<f32>(at, DS), du = load<f32>(at, DU);
    g += ds * (CVaries ? load<f32>(b, 8) : constantC);
    add(CVaries ? lanes + t * LANES + 32 : s.dC + i, ds * h);
    add(BVaries ? lanes + t * LANES : s.dB + i, g * du);
    add(sums + Q, g * (BVaries ? load<f32>(b) : constantB));
    h = load<f32>(kept, 4);
    g *= load<f32>(kept);
    const m = g * h;
    add(sums + R, m * A);
    add(s.dA + i, m * load<f32>(at, DT));
  }
  store<f32>(s.g + i, g);
}

// @ts-ignore: decorator
@inline
function add(to: usize, value: f32): void {
  store<f32>(to, load<f32>(to) + value);
}
