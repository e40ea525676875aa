import { denseGroups, denseMap } from '../shader/dense-map.ts';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, Spec } from '../shader/kernel.ts';
import { operand } from '../shader/operand.ts';
import type { Arg, Operand } from '../shader/operand.ts';
import { writtenOut } from '../shader/written-out.ts';

const lanes = 64;
/** Parts that are asked for together. */
const together = 8;

interface SumSpec extends Spec {
  /** Whether the inner axis of the output is the outer one of a part. */
  readonly transposed: boolean;
}

/** Adds parts, in their order, into a dense output. */
const sumKernel: Kernel<SumSpec> = {
  name: 'sum of parts',
  lanes,
  params: ['E', 'count', 'size', 'inner', 'step'],
  stores: { y: 'words' },
  code: ({ spec, dtype }) => `
fn value(e: u32) -> f32 {
  let outer = e / P.inner;
  let i = e % P.inner;
  let at = ${spec.transposed ? 'i * P.step + outer' : 'outer * P.step + i'};
  var sum = 0.0;
  var p = 0u;
  for (; p + ${together}u <= P.count; p += ${together}u) {
    ${writtenOut(together, (j) => `let part${j} = bitcast<f32>(parts_word((p + ${j}u) * P.size + at));`)}
    ${writtenOut(together, (j) => `sum += part${j};`)}
  }
  for (; p < P.count; p++) { sum += bitcast<f32>(parts_word(p * P.size + at)); }
  return sum;
}
${denseMap('y', dtype('y'))}`,
};

/** f32 parts of one output. */
export interface Parts {
  readonly memory: Operand;
  readonly count: number;
  /** Elements from one part to the next. */
  readonly size: number;
  /** Elements of the output's last axis, */
  readonly inner: number;
  /** and those between the beginnings of two of them in a part; or with `transposed`, between two elements of one. */
  readonly step?: number;
  readonly transposed?: boolean;
}

export function sumParts(
  output: Arg,
  { memory, count, size, inner, step = inner, transposed = false }: Parts,
): Dispatch {
  const E = output.shape.reduce((a, b) => a * b, 1);
  return dispatch(sumKernel, {
    spec: { transposed },
    operands: { parts: memory, y: operand(output, []) },
    params: { E, count, size, inner, step },
    groups: denseGroups(E, output.dtype, lanes),
  });
}
