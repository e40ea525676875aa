/** Invocations that each bring together a part of what all have left. */
export const parts = 16;

function reduction(name: string, array: string, combine: (a: string, b: string) => string): string {
  return `
var<workgroup> ${array}: array<f32, LANES>;
var<workgroup> ${array}_parts: array<f32, ${parts}>;
fn ${name}(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  ${array}[lane] = x;
  workgroupBarrier();
  if (lane < ${parts}u) {
    let first = lane * (LANES / ${parts}u);
    var part = ${array}[first];
    for (var i = 1u; i < LANES / ${parts}u; i++) { part = ${combine('part', `${array}[first + i]`)}; }
    ${array}_parts[lane] = part;
  }
  workgroupBarrier();
  var all = ${array}_parts[0];
  for (var i = 1u; i < ${parts}u; i++) { all = ${combine('all', `${array}_parts[i]`)}; }
  return all;
}`;
}

/**
 * `total(x, lane)`: the sum over the workgroup, the same in every invocation. Always in the same order, so that the
 * bits are.
 */
export const total: string = reduction('total', 'summed', (a, b) => `${a} + ${b}`);

/** `largest(x, lane)`: the largest over the workgroup. */
export const largest: string = reduction('largest', 'compared', (a, b) => `max(${a}, ${b})`);

/** The smallest number there is: compilers refuse it as a constant. */
export const negativeInfinity =
  'fn negative_infinity() -> f32 { return bitcast<f32>(0xff800000u | (P.groups & 0u)); }';
