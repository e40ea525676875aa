import type { Assessment, Backend, OpCall, TensorSpec } from '../backend.ts';
import { exampleCall, ops } from '../ops/index.ts';
import { callOf } from '../ops/op.ts';
import type { OpName } from '../ops/op.ts';
import { scope } from '../scope.ts';
import { Storage } from '../storage.ts';
import type { StorageOwner } from '../storage.ts';
import { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { assess } from './assess.ts';
import { sortArguments, specOf } from './bind.ts';
import { OpMethods } from './op-methods.ts';
import type { Outputs } from './op-methods.ts';

type Run = (op: OpName, args: object) => Outputs;

/** The ops as methods, for the body of a decomposition. */
class Parts extends OpMethods {
  readonly call: Run;

  constructor(run: Run) {
    super();
    this.call = run;
  }
}

/** A plan, and the ops in whose place a backend runs others. */
export type AssessmentByParts = Assessment & { readonly parts?: readonly OpName[] };

/**
 * What a backend says to a call; where it says no, what it says to the calls that the op is made of. Only a body all of
 * whose calls are accepted is run.
 */
export function assessByParts(backend: Backend, call: OpCall): AssessmentByParts {
  const assessment = assess(backend, call);
  const { decomposition } = ops[call.op];
  if (assessment.ok || decomposition === undefined) return assessment;
  const planned: { readonly op: OpName; readonly answer: Assessment }[] = [];
  const complete = scope(() => {
    const outputs = decomposition({ ...outlines(call.inputs), ...call.options }, new Parts(plan));
    return outputs !== undefined;
  });
  if (!complete || planned.some(({ answer }) => !answer.ok)) return assessment;
  const parts = [...new Set(planned.map(({ op }) => op))];
  return { ok: true, numerics: 'tolerance', parts, notes: [`as ${parts.join(', ')}`] };

  function plan(op: OpName, args: object): Outputs {
    const { tensors, options } = sortArguments(ops[op], args);
    const specs = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, specOf(value)]));
    const part = callOf(ops[op], specs, options);
    planned.push({ op, answer: assess(backend, part) });
    return outlines(part.outputs);
  }
}

/** The ops among these that a backend neither has nor can make of others. */
export function missingOps(backend: Backend, needed: readonly OpName[]): readonly OpName[] {
  return needed.filter(
    (op) => !backend.ops.includes(op) && !assessByParts(backend, exampleCall(op, 'f32', [1, 2, 4])).ok,
  );
}

/** Runs a call as the ops that it was assessed by; what they leave between them is freed. */
export function runByParts(
  { op, options }: OpCall,
  parts: readonly OpName[],
  tensors: Readonly<Record<string, Tensor>>,
  backend: Backend,
  run: Run,
): Outputs {
  if (tracing()) trace({ type: 'decomposition', op, parts, backend: backend.id });
  return scope(() => ops[op].decomposition!({ ...tensors, ...options }, new Parts(run))!);
}

/** Tensors without memory, which a call that is only planned is made of. */
function outlines(specs: Readonly<Record<string, TensorSpec>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      new Tensor(new Storage(nobody, undefined, Number.MAX_SAFE_INTEGER), spec),
    ]),
  );
}

const nobody: StorageOwner = {
  label: 'a plan',
  read: () => new Uint8Array(),
  release: () => undefined,
};
