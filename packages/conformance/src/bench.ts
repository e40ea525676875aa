import { decode, forEachPosition, SsError } from '@ss/core';
import type { Backend, Blocker, OpCall, Plan, Tensor, TensorData } from '@ss/core';
import { Engine } from '@ss/core/engine';
import { inferred, inFloat64, mainDType } from './calls/call.ts';
import type { Call } from './calls/call.ts';
import { Skip } from './case.ts';
import { assertClose } from './compare.ts';
import type { Output } from './compare.ts';
import type { GuardedBackend } from './guarded-backend.ts';
import { arrange, placeOn } from './layouts.ts';
import { toNumbers } from './values.ts';
import type { Values } from './values.ts';

export type Outputs = Readonly<Record<string, Output>>;
type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** What a call gave, and how the backend had said it would run it. */
export interface Result {
  readonly call: OpCall;
  readonly plan: Plan;
  /** everything the op returns, and what it wrote in place */
  readonly outputs: Outputs;
}

/** Another view of an argument, by its name. */
type Adjust = (tensor: Tensor, name: string) => Tensor;

/** State memory of which a tensor is a view, as it was before the op. */
interface WrittenState {
  readonly whole: Tensor;
  readonly view: Tensor;
  readonly before: TensorData;
}

/** What a case works with: the backend under test, the reference, and tensors that end with the case. */
export class Bench {
  readonly engine: Engine;
  readonly guard: GuardedBackend;
  readonly #reference: Engine;
  readonly #owned: { dispose(): void }[] = [];

  constructor(guard: GuardedBackend, reference: Backend) {
    this.guard = guard;
    this.engine = new Engine(guard.backend);
    this.#reference = new Engine(reference);
  }

  /** Disposed when the case ends. */
  own<T extends { dispose(): void }>(value: T): T {
    this.#owned.push(value);
    return value;
  }

  /** A device tensor in its layout. */
  place(from: Values): Tensor {
    return this.own(placeOn(this.engine, from));
  }

  /** Memory that ops may write, with these contents, in its layout. */
  state(from: Values): Tensor {
    return stateOn(this, this.engine, from).view;
  }

  /** The arguments of a call on the device. */
  arguments(call: Call): Record<string, unknown> {
    const { inout } = inferred(call);
    const tensors = Object.entries(call.inputs).map(([name, from]) => [
      name,
      inout.includes(name) ? this.state(from) : this.place(from),
    ]);
    return { ...Object.fromEntries(tensors), ...call.options };
  }

  /** @throws Skip when the backend does not take the call */
  assess(call: Call): { readonly call: OpCall; readonly plan: Plan } {
    return this.#assess(call, this.arguments(call));
  }

  /** Runs a call on the backend and reads everything it gave. @throws Skip when the backend does not take it */
  async run(call: Call, adjust: Adjust = (tensor) => tensor): Promise<Result> {
    const { inout } = inferred(call);
    const written: Record<string, WrittenState> = {};
    const args: Record<string, unknown> = { ...call.options };
    for (const [name, from] of Object.entries(call.inputs)) {
      if (inout.includes(name)) args[name] = (written[name] = stateOn(this, this.engine, from)).view;
      else args[name] = adjust(this.place(from), name);
    }
    const assessed = this.#assess(call, args);
    const results = this.engine.call(call.op, args);
    for (const tensor of Object.values(results)) this.own(tensor);
    const outputs = await readAll({ ...results, ...mapValues(written, ({ view }) => view) });
    for (const [name, state] of Object.entries(written)) await assertNeighbours(name, state);
    return { ...assessed, outputs };
  }

  /** What the reference says, evaluated in float64 on the same numbers. */
  async expected(call: Call): Promise<Outputs> {
    const wide = inFloat64(call);
    const { inout } = inferred(wide);
    const args: Record<string, unknown> = { ...wide.options };
    const written: Record<string, Tensor> = {};
    for (const [name, from] of Object.entries(wide.inputs)) {
      if (inout.includes(name)) args[name] = written[name] = stateOn(this, this.#reference, from).view;
      else args[name] = this.own(placeOn(this.#reference, from));
    }
    const results = this.#reference.call(wide.op, args);
    for (const tensor of Object.values(results)) this.own(tensor);
    return readAll({ ...results, ...written });
  }

  /** Runs a call and compares everything it gave with the reference, or with `truth` where that is known. */
  async check(call: Call, truth?: Numbers): Promise<Result> {
    const result = await this.run(call);
    const expected = truth ?? mapValues(await this.expected(call), ({ data }) => data);
    this.compare(call, result, expected);
    return result;
  }

  compare(call: Call, { call: opCall, outputs }: Result, expected: Numbers): void {
    for (const [name, wanted] of Object.entries(expected)) {
      const actual = outputs[name];
      if (actual === undefined) throw new Error(`The op returned no ${name}.`);
      assertClose(opCall, mainDType(call), name, actual, wanted);
    }
  }

  /** Ends what the case made. */
  release(): void {
    for (const value of this.#owned.splice(0).toReversed()) value.dispose();
  }

  #assess(call: Call, args: object): { readonly call: OpCall; readonly plan: Plan } {
    try {
      return this.engine.assess(call.op, args);
    } catch (error) {
      if (!SsError.is(error, 'op-unsupported')) throw error;
      throw new Skip(
        `assess says no (${blockersOf(error)
          .map(({ code }) => code)
          .join(', ')})`,
      );
    }
  }
}

/** The backend's own reasons in an `op-unsupported` error. */
export function blockersOf(error: SsError): readonly Blocker[] {
  const refused = error.details['refused'] as readonly { blockers: readonly Blocker[] }[];
  return refused.flatMap(({ blockers }) => blockers);
}

/** Reads tensors as numbers. */
export async function readAll(tensors: Readonly<Record<string, Tensor>>): Promise<Outputs> {
  // All reads are enqueued before any is waited for, as a program would do.
  const reads = Object.entries(tensors).map(async ([name, tensor]): Promise<[string, Output]> => {
    const data = toNumbers(await tensor.read());
    return [name, { dtype: tensor.dtype, shape: tensor.shape, data }];
  });
  return Object.fromEntries(await Promise.all(reads));
}

function stateOn(bench: Bench, engine: Engine, from: Values): WrittenState {
  const { memory, bytes, view } = arrange(from);
  const whole = bench.own(engine.state(memory, from.dtype));
  // Filled below the engine: the op that could do it may be missing.
  engine.backend.write(whole.storage.handle, 0, bytes);
  return { whole, view: bench.own(view(whole)), before: decode(bytes, from.dtype) };
}

/** @throws Error when state memory outside the view that the op was given has changed */
async function assertNeighbours(name: string, { whole, view, before }: WrittenState): Promise<void> {
  const inside = new Uint8Array(whole.size);
  forEachPosition(view, (position) => (inside[position] = 1));
  if (!inside.includes(0)) return;
  const after = await whole.read();
  const parts = after.length / inside.length;
  const touched = after.findIndex(
    (value, i) => inside[Math.floor(i / parts)] === 0 && !Object.is(value, before[i]),
  );
  if (touched >= 0)
    throw new Error(`${name}: element ${touched} of its memory lies outside the view and was overwritten.`);
}

function mapValues<A, B>(of: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, map(value)]));
}
