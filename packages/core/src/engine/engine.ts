import type { Backend, DeviceInfo, MemoryInfo, OpCall, Plan, WeightUse } from '../backend.ts';
import type { DType } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { host, tensor as hostTensor } from '../host.ts';
import type { AddArgs, CopyArgs, UnaryArgs } from '../ops/elementwise.ts';
import type { CausalConv1dBackwardArgs, CausalConv1dGradients } from '../ops/causal-conv1d-backward.ts';
import type { CausalConv1dArgs, CausalConv1dResult, CausalConv1dUpdateArgs } from '../ops/causal-conv1d.ts';
import type { EmbeddingArgs } from '../ops/embedding.ts';
import { ops } from '../ops/index.ts';
import type { LinearBackwardArgs, LinearGradients } from '../ops/linear-backward.ts';
import type { LinearArgs } from '../ops/linear.ts';
import type { CrossEntropyBackwardArgs, EmbeddingBackwardArgs } from '../ops/loss-backward.ts';
import type { ArgmaxArgs, CrossEntropyArgs, SampleArgs, SampleResult } from '../ops/logits.ts';
import type { OpDefinition, OpName } from '../ops/op.ts';
import type { RmsNormBackwardArgs, RmsNormGradients } from '../ops/rms-norm-backward.ts';
import type { RmsNormArgs, RmsNormResult } from '../ops/rms-norm.ts';
import type { SelectiveScanBackwardArgs, SelectiveScanGradients } from '../ops/selective-scan-backward.ts';
import type { SelectiveScanArgs, SelectiveScanResult } from '../ops/selective-scan.ts';
import type { SelectiveStateUpdateArgs } from '../ops/selective-state-update.ts';
import type { Decision } from '../registry/decision.ts';
import { scope, tracked } from '../scope.ts';
import type { Shape } from '../shape.ts';
import { denseStrides } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { bind, describeCall, makeCall, sortArguments, specOf } from './bind.ts';
import type { TensorArgs } from './bind.ts';
import { Device } from './device.ts';
import { overwritten, route } from './dispatch.ts';
import { runElsewhere } from './fallback.ts';
import { Program } from './program.ts';
import type { InputSpec, ProgramInputs } from './program.ts';
import { Recording } from './recording.ts';

export interface EngineOptions {
  /** Backends that may run what the first cannot, in order. */
  readonly fallbacks?: readonly Backend[] | undefined;
  /** How the backend was chosen. */
  readonly decision?: Decision | undefined;
}

type Outputs = Readonly<Record<string, Tensor>>;

/**
 * Everybody's view of a backend: validated ops in order, tensors with lifetimes, programs. A call throws
 * synchronously and changes nothing when it is wrong; otherwise it is enqueued, and `read()` or `sync()`
 * waits for it. Host tensors are copied at the call.
 */
export class Engine implements AsyncDisposable, Disposable {
  /** How the backend was chosen; prints as a table. */
  readonly decision: Decision | undefined;
  readonly #device: Device;
  readonly #fallbacks: readonly Backend[];
  #recording: Recording | undefined;

  constructor(backend: Backend, { fallbacks = [], decision }: EngineOptions = {}) {
    this.#device = new Device(backend);
    this.#fallbacks = fallbacks;
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

  selectiveScan<const A extends SelectiveScanArgs>(args: A): SelectiveScanResult<A['finalState']> {
    return withDispose(this.#run(ops.selectiveScan, args)) as never;
  }

  /** @returns y (B, D) or (B, H, P) */
  selectiveStateUpdate(args: SelectiveStateUpdateArgs): Tensor {
    return this.#run(ops.selectiveStateUpdate, args)['y']!;
  }

  causalConv1d<const A extends CausalConv1dArgs>(args: A): CausalConv1dResult<A['finalState']> {
    return withDispose(this.#run(ops.causalConv1d, args)) as never;
  }

  /** @returns y (B, D) */
  causalConv1dUpdate(args: CausalConv1dUpdateArgs): Tensor {
    return this.#run(ops.causalConv1dUpdate, args)['y']!;
  }

  /** @returns y (..., M) */
  linear(args: LinearArgs): Tensor {
    return this.#run(ops.linear, args)['y']!;
  }

  rmsNorm<const A extends RmsNormArgs>(args: A): RmsNormResult<A['residual']> {
    return withDispose(this.#run(ops.rmsNorm, args)) as never;
  }

  /** A dense copy of any view, cast if asked. */
  copy(args: Omit<CopyArgs, 'to'>): Tensor {
    return this.#run(ops.copy, args)['y']!;
  }

  /** Overwrites a view of state with `x`. */
  assign(to: Tensor, x: Tensor): void {
    this.#run(ops.copy, { x, to });
  }

  add(args: AddArgs): Tensor {
    return this.#run(ops.add, args)['y']!;
  }

  /** @returns (..., K) */
  embedding(args: EmbeddingArgs): Tensor {
    return this.#run(ops.embedding, args)['y']!;
  }

  silu(args: UnaryArgs): Tensor {
    return this.#run(ops.silu, args)['y']!;
  }

  softplus(args: UnaryArgs): Tensor {
    return this.#run(ops.softplus, args)['y']!;
  }

  /** @returns loss (R) */
  crossEntropy(args: CrossEntropyArgs): Tensor {
    return this.#run(ops.crossEntropy, args)['loss']!;
  }

  /** @returns ids (R) i32 */
  argmax(args: ArgmaxArgs): Tensor {
    return this.#run(ops.argmax, args)['ids']!;
  }

  sample(args: SampleArgs): SampleResult {
    return withDispose(this.#run(ops.sample, args)) as never;
  }

  selectiveScanBackward(args: SelectiveScanBackwardArgs): SelectiveScanGradients {
    return withDispose(this.#run(ops.selectiveScanBackward, args)) as never;
  }

  causalConv1dBackward(args: CausalConv1dBackwardArgs): CausalConv1dGradients {
    return withDispose(this.#run(ops.causalConv1dBackward, args)) as never;
  }

  linearBackward<const A extends LinearBackwardArgs>(args: A): LinearGradients<A['bias']> {
    return withDispose(this.#run(ops.linearBackward, args)) as never;
  }

  rmsNormBackward(args: RmsNormBackwardArgs): RmsNormGradients {
    return withDispose(this.#run(ops.rmsNormBackward, args)) as never;
  }

  /** @returns dlogits (R, V) */
  crossEntropyBackward(args: CrossEntropyBackwardArgs): Tensor {
    return this.#run(ops.crossEntropyBackward, args)['dlogits']!;
  }

  /** @returns dweight (V, K) */
  embeddingBackward(args: EmbeddingBackwardArgs): Tensor {
    return this.#run(ops.embeddingBackward, args)['dweight']!;
  }

  /** Any op by name, for tools that go through the table of ops. */
  call(op: OpName, args: object): Outputs {
    return this.#run(ops[op], args);
  }

  /** The call that these arguments make, validated, and how this engine would run it; nothing runs. */
  assess(op: OpName, args: object): { readonly call: OpCall; readonly plan: Plan; readonly backend: string } {
    const { tensors, options } = sortArguments(ops[op], args);
    const call = makeCall(ops[op], tensors, options, this.#device);
    const { plan, away } = route(call, this.backend, this.#fallbacks);
    return { call, plan, backend: (away ?? this.backend).id };
  }

  /** Values straight to the device; as `tensor()` otherwise. */
  tensor<D extends DType = 'f32'>(
    values: ArrayLike<number> | ArrayLike<bigint>,
    shape?: Shape,
    dtype?: D,
  ): Tensor<D> {
    return scope(() => this.upload(hostTensor<D>(values, shape, dtype)));
  }

  /** A device copy of a host tensor, same strides. */
  upload<D extends DType>(source: Tensor<D>): Tensor<D> {
    if (source.storage.owner !== host)
      throw new SsError(
        'tensor-foreign',
        `upload() takes a host tensor, not one of ${source.storage.owner.label}.`,
      );
    return this.#device.upload(source);
  }

  zeros<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
    return this.#device.zeros(shape, dtype, false);
  }

  /** Zeroed memory that ops may write in place, at an address that never changes. */
  state<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
    return this.#device.zeros(shape, dtype, true);
  }

  /**
   * The backend's own form of a weight, made once; the source may be disposed. A backend without one gets a
   * dense copy. The result is an argument of ops like the weight itself, but has no views and no values.
   */
  pack(weight: Tensor, use: WeightUse = 'linear'): Tensor {
    return scope(() => {
      const own = weight.storage.owner === host ? this.upload(weight) : weight;
      const packing = this.backend.packing?.(specOf(own), use);
      if (packing === undefined) return own !== weight && own.contiguous ? own : this.copy({ x: own });
      const { dtype, shape } = weight;
      const packed = new Tensor(this.#device.allocate(packing.byteLength), {
        dtype,
        shape,
        strides: denseStrides(shape),
        offset: 0,
        format: packing.format,
      });
      const call: OpCall = {
        op: 'pack',
        inputs: { weight: specOf(own) },
        outputs: { packed: specOf(packed) },
        inout: [],
        options: { use },
        sizes: {},
      };
      this.#enqueue(call, { weight: own }, { packed });
      return packed;
    });
  }

  /**
   * Records the ops that `body` calls, without running them, for inputs of fixed shapes. Tensors disposed in
   * `body` give their memory to later ops; weights and states from outside are captured.
   */
  record<const I extends Record<string, InputSpec>, O>(
    inputs: I,
    body: (inputs: ProgramInputs<I>) => O,
  ): Program<I, O> {
    if (this.#recording) throw new SsError('recording-invalid', 'A program is being recorded already.');
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, this.state(shape, dtype)]),
    );
    const recording = new Recording(this.#device, (from, to) => this.assign(to, from));
    for (const input of Object.values(given)) recording.keep(input);
    this.#recording = recording;
    this.#device.arena = recording;
    try {
      const outputs = scope(() => body(given as ProgramInputs<I>));
      for (const output of tracked(outputs)) recording.keep(output as Tensor);
      return new Program<I, O>(this.#device, recording, given as ProgramInputs<I>, outputs);
    } catch (error) {
      recording.dispose();
      throw error;
    } finally {
      recording.close();
      this.#recording = undefined;
      this.#device.arena = undefined;
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

  memory(): MemoryInfo & { readonly tensorBytes: number; readonly storages: number } {
    return this.#device.memory();
  }

  /** Frees the device and everything on it. */
  async dispose(): Promise<void> {
    await this.#device.dispose();
    for (const fallback of this.#fallbacks) await fallback.dispose();
  }

  [Symbol.dispose](): void {
    void this.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #run(definition: OpDefinition, args: object): Outputs {
    const { tensors, options } = sortArguments(definition, args);
    const call = makeCall(definition, tensors, options, this.#device);
    const { plan, away } = route(call, this.backend, this.#fallbacks);
    const outputs: Record<string, Tensor> = {};
    const temporary: Tensor[] = [];
    const inputs: Record<string, Tensor> = { ...tensors };
    try {
      for (const [name, value] of Object.entries(tensors)) {
        if (value.storage.owner === host) temporary.push((inputs[name] = this.#bring(value)));
        if (plan.contiguous?.includes(name) && !value.contiguous)
          temporary.push((inputs[name] = this.#densify(name, inputs[name]!)));
      }
      for (const [name, spec] of Object.entries(call.outputs)) outputs[name] = this.#device.empty(spec);
      this.#enqueue(call, inputs, outputs, { plan, away });
      return outputs;
    } catch (error) {
      for (const output of Object.values(outputs)) output.dispose();
      throw error;
    } finally {
      for (const tensor of temporary) tensor.dispose();
    }
  }

  #enqueue(
    call: OpCall,
    inputs: TensorArgs,
    outputs: TensorArgs,
    how: ReturnType<typeof route> = route(call, this.backend, []),
  ): void {
    const { plan, away } = how;
    const scratch = plan.scratchBytes && !away ? this.#device.allocate(plan.scratchBytes) : undefined;
    const bound = bind(call, inputs, outputs, scratch?.handle);
    const whole = overwritten(call, inputs);
    const reads = Object.entries(inputs).flatMap(([name, t]) => (whole.includes(name) ? [] : [t.storage]));
    const writes = [...Object.values(outputs), ...call.inout.map((name) => inputs[name]!)].map(
      (t) => t.storage,
    );
    if (this.#recording) this.#recording.add({ call: bound, away }, reads, writes);
    else
      this.#submit(
        bound,
        away,
        reads,
        writes,
        whole.map((name) => inputs[name]!),
      );
    scratch?.release();
  }

  #submit(
    bound: ReturnType<typeof bind>,
    away: Backend | undefined,
    reads: Tensor['storage'][],
    writes: Tensor['storage'][],
    whole: Tensor[],
  ): void {
    const { queue } = this.#device;
    for (const { storage } of whole) queue.enqueue(() => void (storage.failure = undefined));
    const footprint = { label: describeCall(bound), reads, writes };
    const started = tracing() ? performance.now() : undefined;
    if (away) queue.segment(footprint, () => runElsewhere(bound, this.backend, away));
    else queue.submit(footprint, () => this.backend.submit([bound]));
    if (started === undefined) return;
    const milliseconds = performance.now() - started;
    trace({
      type: 'op',
      op: bound.op,
      backend: (away ?? this.backend).id,
      sizes: bound.sizes,
      milliseconds,
      ...(away && { fallbackFrom: this.id }),
    });
  }

  /** A host tensor on the device: for one call, or for as long as the program that is being recorded. */
  #bring(value: Tensor): Tensor {
    if (!this.#recording) return this.#device.upload(value);
    const constant = this.#constant(value);
    this.#recording.keep(constant);
    return constant.alias();
  }

  #constant(value: Tensor): Tensor {
    const { arena } = this.#device;
    this.#device.arena = undefined;
    try {
      return this.#device.upload(value);
    } finally {
      this.#device.arena = arena;
    }
  }

  #densify(argument: string, value: Tensor): Tensor {
    const copy = this.copy({ x: value });
    if (tracing())
      trace({ type: 'copy', reason: 'layout', backend: this.id, bytes: copy.storage.byteLength, argument });
    return copy;
  }
}

function withDispose(outputs: Outputs): Outputs & Disposable {
  return Object.defineProperty({ ...outputs } as Outputs & Disposable, Symbol.dispose, {
    value: () => {
      for (const output of Object.values(outputs)) output.dispose();
    },
  });
}
