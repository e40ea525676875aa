import type { BoundCall, OpCall } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { host } from '../host.ts';
import { ops } from '../ops/index.ts';
import type { OpDefinition, OpName } from '../ops/op.ts';
import { elementCount, show } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { bind, describeCall, makeCall, sortArguments } from './bind.ts';
import type { TensorArgs } from './bind.ts';
import type { Device } from './device.ts';
import { runByParts } from './decompose.ts';
import { route } from './dispatch.ts';
import type { EngineOptions, Route } from './dispatch.ts';
import { runElsewhere } from './fallback.ts';
import type { Outputs } from './op-methods.ts';
import type { Footprint } from './queue.ts';
import type { Recording } from './recording.ts';

/** How one call becomes work in the queue, or a step of the recording that is under way. */
export class Runner {
  recording: Recording | undefined;
  readonly #device: Device;
  readonly #route: (call: OpCall) => Route;

  constructor(device: Device, options: EngineOptions) {
    this.#device = device;
    this.#route = (call) => route(call, device.backend, options);
  }

  /** The call that these arguments make, and who would run it. @throws SsError from the op's contract */
  plan(definition: OpDefinition, args: object): { call: OpCall; tensors: TensorArgs; how: Route } {
    this.#device.requireOpen();
    const { tensors, options } = sortArguments(definition, args);
    const call = makeCall(definition, tensors, options, this.#device);
    return { call, tensors, how: this.#route(call) };
  }

  run(definition: OpDefinition, args: object): Outputs {
    const { call, tensors, how } = this.plan(definition, args);
    if (how.parts) {
      const run = (op: OpName, given: object): Outputs => this.run(ops[op], given);
      return runByParts(call, how.parts, tensors, this.#device.backend, run);
    }
    const inputs: Record<string, Tensor> = { ...tensors };
    const outputs: Record<string, Tensor> = {};
    const temporary: Tensor[] = [];
    const back: { readonly x: Tensor; readonly to: Tensor }[] = [];
    const scattered = Object.entries(tensors).flatMap(([name, given]) =>
      how.plan.contiguous?.includes(name) && !given.contiguous ? [name] : [],
    );
    for (const name of scattered) this.#requireCopy({ x: tensors[name]! });
    try {
      for (const [name, given] of Object.entries(tensors)) {
        if (given.storage.owner === host) temporary.push((inputs[name] = this.#device.upload(given)));
        if (!scattered.includes(name)) continue;
        const x = this.#densify(name, inputs[name]!);
        temporary.push((inputs[name] = x));
        if (call.inout.includes(name)) back.push({ x, to: given });
      }
      // Refused now or not at all: nothing may fail between the op and the copy of its state back.
      for (const copy of back) this.#requireCopy(copy);
      const bank = this.#device.bankBeside(Object.values(inputs));
      for (const [name, spec] of Object.entries(call.outputs)) outputs[name] = this.#device.empty(spec, bank);
      this.enqueue(call, inputs, outputs, how);
      for (const copy of back) this.run(ops.copy, copy);
      return outputs;
    } catch (error) {
      for (const output of Object.values(outputs)) output.dispose();
      throw error;
    } finally {
      for (const tensor of temporary) tensor.dispose();
    }
  }

  enqueue(call: OpCall, inputs: TensorArgs, outputs: TensorArgs, how: Route = this.#route(call)): void {
    const written = [...Object.values(outputs), ...call.inout.map((name) => inputs[name]!)];
    if (written.every(({ size }) => size === 0)) return;
    const { plan, away } = how;
    const bank = this.#device.bankBeside(Object.values(inputs));
    const scratch =
      plan.scratchBytes && !away ? this.#device.allocateForOp(plan.scratchBytes, bank) : undefined;
    const bound = bind(call, inputs, outputs, scratch?.handle);
    const footprint = {
      reads: Object.values(inputs).flatMap((t) => (overwrites(call, inputs, t) ? [] : [t.storage])),
      writes: written.map((t) => t.storage),
    };
    if (this.recording) this.recording.add({ call: bound, away }, footprint);
    else this.#submit(bound, how, footprint);
    scratch?.release();
  }

  #submit(call: BoundCall, { away }: Route, footprint: Omit<Footprint, 'label'>): void {
    const { backend, queue } = this.#device;
    const label = describeCall(call);
    const started = tracing() ? performance.now() : undefined;
    const over = away
      ? queue.segment({ label, ...footprint }, () => runElsewhere(call, backend, away))
      : queue.submit({ label, ...footprint }, () => backend.submit([call]));
    if (started === undefined) return;
    trace({
      type: 'op',
      op: call.op,
      backend: (away ?? backend).id,
      sizes: call.sizes,
      ...(over && { milliseconds: performance.now() - started }),
      ...(away && { fallbackFrom: backend.id }),
    });
  }

  /**
   * What is asked for to make arguments dense must not ask for it in turn.
   * @throws SsError `backend-invalid`, `op-unsupported`
   */
  #requireCopy(copy: { readonly x: Tensor; readonly to?: Tensor }): void {
    const { how, tensors } = this.plan(ops.copy, copy);
    const again = how.plan.contiguous?.find((name) => tensors[name]?.contiguous === false);
    if (again === undefined) return;
    const backend = (how.away ?? this.#device.backend).id;
    throw new SsError(
      'backend-invalid',
      `${backend} wants ${again} of a copy made dense, which takes a copy: of a view of shape ${show(copy.x.shape)}.`,
      {
        hint: `Its assess has to take such a copy as it is, or refuse it; until then give ${backend} dense tensors.`,
        details: { backend, argument: again },
      },
    );
  }

  #densify(argument: string, x: Tensor): Tensor {
    const copy = this.run(ops.copy, { x })['y']!;
    if (tracing()) {
      const bytes = copy.storage.byteLength;
      trace({ type: 'copy', reason: 'layout', backend: this.#device.label, bytes, argument });
    }
    return copy;
  }
}

/** Whether a call overwrites the whole memory of this argument, whatever was in it before. */
function overwrites(call: OpCall, inputs: TensorArgs, tensor: Tensor): boolean {
  if (call.op !== 'copy' || tensor !== inputs['to']) return false;
  return elementCount(tensor.shape) * dtypes[tensor.dtype].bytes >= tensor.storage.byteLength;
}
