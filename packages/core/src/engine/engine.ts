import type { Backend, DeviceInfo, MemoryInfo, OpCall, Plan, WeightDType } from '../backend.ts';
import type { DType } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { host, tensor as hostTensor } from '../host.ts';
import { ops } from '../ops/index.ts';
import type { OpName } from '../ops/op.ts';
import { checkWeight } from '../ops/pack.ts';
import { checkOptions, showValue } from '../options.ts';
import { printsItself } from '../prints-itself.ts';
import type { Decision } from '../registry/decision.ts';
import { collect, scope } from '../scope.ts';
import type { Shape } from '../shape.ts';
import { denseStrides } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { Values } from '../values.ts';
import { isTensor, specOf } from './bind.ts';
import { Device } from './device.ts';
import { engineOptions } from './dispatch.ts';
import type { EngineOptions } from './dispatch.ts';
import { OpMethods } from './op-methods.ts';
import type { Outputs } from './op-methods.ts';
import { inputOptions, Program } from './program.ts';
import type { InputSpec, ProgramInputs } from './program.ts';
import { Recording } from './recording.ts';
import { Runner } from './runner.ts';

/**
 * Everybody's view of a backend: validated ops in order, tensors with lifetimes, programs. A call throws
 * synchronously and changes nothing when it is wrong; otherwise it is enqueued, and `read()` or `sync()`
 * waits for it. Host tensors are copied at the call.
 */
export class Engine extends OpMethods implements AsyncDisposable, Disposable {
  /** How the backend was chosen; prints as a table. */
  readonly decision: Decision | undefined;
  readonly #device: Device;
  readonly #fallbacks: readonly Backend[];
  readonly #runner: Runner;
  #disposing: Promise<void> | undefined;

  static {
    printsItself(this, 'Engine');
  }

  constructor(backend: Backend, options: EngineOptions = {}) {
    super();
    checkOptions('An engine', options, engineOptions);
    const { fallbacks = [], decision } = options;
    this.#device = new Device(backend);
    this.#fallbacks = [...fallbacks];
    this.#runner = new Runner(this.#device, { fallbacks: this.#fallbacks, decision });
    this.decision = decision;
  }

  get id(): string {
    return this.#device.backend.id;
  }

  get backend(): Backend {
    return this.#device.backend;
  }

  get device(): DeviceInfo {
    return this.#device.backend.device;
  }

  /** Overwrites a view of state with `x`. */
  assign(to: Tensor, x: Tensor): void {
    this.#runner.run(ops.copy, { x, to });
  }

  /** Any op by name, for tools that go through the table of ops. */
  call(op: OpName, args: object): Outputs {
    return this.#runner.run(ops[op], args);
  }

  /** The call that these arguments make, validated, and how this engine would run it; nothing runs. */
  assess(op: OpName, args: object): { readonly call: OpCall; readonly plan: Plan; readonly backend: string } {
    const { call, how } = this.#runner.plan(ops[op], args);
    return { call, plan: how.plan, backend: (how.away ?? this.backend).id };
  }

  /** Values straight to the device; as `tensor()` otherwise. */
  tensor(values: Int32Array, shape?: Shape): Tensor<'i32'>;
  tensor(values: Values, shape?: Shape): Tensor<'f32'>;
  tensor<D extends DType = 'f32'>(values: Values, shape?: Shape, dtype?: D): Tensor<D>;
  tensor<D extends DType = 'f32'>(values: Values, shape?: Shape, dtype?: D): Tensor<D> {
    return scope(() => this.upload(hostTensor<D>(values, shape, dtype)));
  }

  /** A device copy of a host tensor, same strides. */
  upload<D extends DType>(source: Tensor<D>): Tensor<D> {
    if (!isTensor(source)) throw noTensor('upload()', source);
    if (source.storage.owner !== host)
      throw new SsError(
        'tensor-foreign',
        `upload() takes a host tensor, not one of ${source.storage.owner.label}.`,
      );
    return this.#device.upload(source);
  }

  zeros(shape: Shape): Tensor<'f32'>;
  zeros<D extends DType = 'f32'>(shape: Shape, dtype?: D): Tensor<D>;
  zeros<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
    return this.#device.zeros(shape, dtype, false);
  }

  /** Zeroed memory that ops may write in place, at an address that never changes. */
  state(shape: Shape): Tensor<'f32'>;
  state<D extends DType = 'f32'>(shape: Shape, dtype?: D): Tensor<D>;
  state<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
    return this.#device.zeros(shape, dtype, true);
  }

  /**
   * The backend's own form of a weight, made once; the source may be disposed. A backend without one gets a
   * dense copy. The result is an argument of `linear` and `embedding` like the weight itself, but has no views
   * and no values.
   * @param weight (M, K)
   * @param as what its values are stored as, rounded once; default as they are
   * @throws SsError `op-unsupported` when the backend cannot store it so
   */
  pack(weight: Tensor, as?: WeightDType): Tensor {
    this.#device.requireOpen();
    if (!isTensor(weight)) throw noTensor('pack()', weight);
    this.#device.requireOwn(weight, 'pack: weight', 'pack');
    if (this.#runner.recording) {
      throw new SsError('recording-invalid', 'A weight is packed before a program is recorded, not by it.');
    }
    const sizes = checkWeight(specOf(weight), as);
    return scope(() => {
      const own = weight.storage.owner === host ? this.upload(weight) : weight;
      const stored = as ?? (weight.dtype as WeightDType);
      const packing = this.backend.packing?.(specOf(own), stored);
      if (packing === undefined) {
        if (stored === 'i8') {
          throw new SsError('op-unsupported', `${this.id} cannot store weights as i8.`, {
            hint: 'Pack them as f32, f16 or bf16.',
          });
        }
        return own !== weight && own.contiguous && stored === own.dtype
          ? own
          : this.copy({ x: own, dtype: stored });
      }
      const { dtype, shape } = weight;
      const { byteLength, format } = packing;
      const layout = { dtype, shape, strides: denseStrides(shape), offset: 0, format };
      const packed = new Tensor(this.#device.allocate(byteLength), layout);
      const call: OpCall = {
        op: 'pack',
        inputs: { weight: specOf(own) },
        outputs: { packed: specOf(packed) },
        inout: [],
        options: { as: stored },
        sizes,
      };
      this.#runner.enqueue(call, { weight: own }, { packed });
      return packed;
    });
  }

  /**
   * Records the ops that `body` calls, without running them, for inputs of fixed shapes. Tensors disposed in
   * `body` give their memory to later ops; weights and states from outside are captured.
   * @throws SsError `recording-invalid`
   */
  record<const I extends Record<string, InputSpec>, O>(
    inputs: I,
    body: (inputs: ProgramInputs<I>) => O,
  ): Program<I, O> {
    const device = this.#device;
    const runner = this.#runner;
    device.requireOpen();
    if (runner.recording) throw new SsError('recording-invalid', 'A program is being recorded already.');
    const recording = new Recording(device);
    const made: Record<string, Tensor> = {};
    runner.recording = device.arena = recording;
    try {
      for (const [name, spec] of Object.entries(inputs)) {
        checkOptions(`The input ${name} of a program`, spec, inputOptions);
        const { shape, dtype } = spec;
        recording.keep((made[name] = this.state(shape, dtype)));
      }
      const given = Object.freeze(made) as ProgramInputs<I>;
      const { value, survivors } = collect(() => body(given));
      for (const survivor of survivors) recording.keep(survivor);
      return new Program<I, O>(device, {
        recording,
        inputs: given,
        outputs: value,
        copy: (from, to) => this.assign(to, from),
      });
    } catch (error) {
      recording.dispose();
      throw error;
    } finally {
      recording.close();
      runner.recording = device.arena = undefined;
    }
  }

  /** `program.prepare()`, for symmetry with `record`. */
  prepare<I extends Record<string, InputSpec>, O>(
    program: Program<I, O>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Program<I, O>> {
    return program.prepare(options);
  }

  /** See {@link scope}. */
  scope<T>(body: () => T): T {
    return scope(body);
  }

  /** Waits for everything enqueued. @throws SsError the first failure since the last `sync()` */
  async sync(): Promise<void> {
    await this.#device.queue.drain();
  }

  /** `cpu: native, isa avx3, threads 2` */
  override toString(): string {
    const facts = Object.entries(this.device.facts).map(([name, value]) => `${name} ${value}`);
    return `${this.id}: ${[this.device.name, ...facts].join(', ')}${this.#disposing ? ', disposed' : ''}`;
  }

  memory(): MemoryInfo & { readonly tensorBytes: number; readonly storages: number } {
    return this.#device.memory();
  }

  /**
   * Gives memory back at once that the backend keeps for later: freed buffers are handed out again without asking the
   * system. It is never wrong, and costs the next calls the time to take memory anew; worth it after a phase that needed
   * much. A backend that keeps nothing does nothing.
   * @throws SsError `engine-disposed`, `device-lost`
   */
  trim(): void {
    this.#device.trim();
    for (const fallback of this.#fallbacks) fallback.trim?.();
  }

  /** Waits for what is enqueued, then frees the device and everything on it. */
  dispose(): Promise<void> {
    return (this.#disposing ??= this.#dispose());
  }

  [Symbol.dispose](): void {
    void this.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #dispose(): Promise<void> {
    try {
      await this.#device.dispose();
    } finally {
      for (const fallback of this.#fallbacks) await fallback.dispose();
    }
  }
}

function noTensor(where: string, value: unknown): SsError {
  return new SsError('argument-invalid', `${where} takes a tensor, not ${showValue(value)}.`, {
    hint: 'Make one with tensor(values, shape).',
  });
}
