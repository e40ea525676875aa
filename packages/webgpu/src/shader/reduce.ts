/**
 * `total(x, lane)`: the sum over the workgroup, the same in every invocation. Always in the same order, so that the
 * bits are.
 */
export const total = `
var<workgroup> summed: array<f32, LANES>;
fn total(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  summed[lane] = x;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += summed[i]; }
  return sum;
}`;

/** `largest(x, lane)`: the largest over the workgroup. */
export const largest = `
var<workgroup> compared: array<f32, LANES>;
fn largest(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  compared[lane] = x;
  workgroupBarrier();
  var most = compared[0];
  for (var i = 1u; i < LANES; i++) { most = max(most, compared[i]); }
  return most;
}`;

/** The smallest number there is: compilers refuse it as a constant. */
export const negativeInfinity =
  'fn negative_infinity() -> f32 { return bitcast<f32>(0xff800000u | (P.groups & 0u)); }';
