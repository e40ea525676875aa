import { encode, fromBytes, SsError } from '@ss/core';
import type { Engine, Tensor, TensorData } from '@ss/core';
import type { MambaConfig } from './config.ts';
import type { LayerState } from './layer.ts';

/** State of a Mamba mixer. */
export type MixerState = {
  /** (B, W - 1, D) f32: the last inputs of the convolution, oldest first */
  readonly conv: Tensor<'f32'>;
  /** (B, D, N) f32, memory (B, N, D): channels contiguous */
  readonly ssm: Tensor<'f32'>;
};

/** The state before the first step: zeros. */
export function createMixerState(
  engine: Engine,
  { dInner, dConv, dState }: MambaConfig,
  batch = 1,
): MixerState {
  const conv = engine.state([batch, dConv - 1, dInner]);
  using ssm = engine.state([batch, dState, dInner]);
  return { conv, ssm: ssm.permute(0, 2, 1) };
}

/** A copy on the device, with its own memory. */
export function cloneState<S extends LayerState>(engine: Engine, state: S): S {
  const copy = Object.fromEntries(
    Object.entries(state).map(([name, t]) => [name, stateLike(engine, t)]),
  ) as S;
  assignState(engine, copy, state);
  return copy;
}

/** Overwrites `to` with `from`, a state of the same layer. */
export function assignState(engine: Engine, to: LayerState, from: LayerState): void {
  for (const [name, target] of Object.entries(to)) {
    const order = memoryOrder(target);
    using dense = target.permute(...order);
    using source = from[name]!.permute(...order);
    engine.assign(dense, source);
  }
}

/** Back to the state before the first step. */
export function clearState(engine: Engine, state: LayerState): void {
  for (const tensor of Object.values(state)) {
    using dense = tensor.permute(...memoryOrder(tensor));
    using zero = engine.zeros(dense.shape, dense.dtype);
    engine.assign(dense, zero);
  }
}

/** The values of every tensor by name, row-major in its logical shape, as of this point of the queue. */
export async function readState(state: LayerState): Promise<Record<string, TensorData>> {
  const values = await Promise.all(
    Object.entries(state).map(async ([name, tensor]) => [name, await tensor.read()] as const),
  );
  return Object.fromEntries(values);
}

/**
 * Overwrites a state with values as {@link readState} gives them.
 * @throws SsError `state-mismatch` when a tensor is missing or has another size; nothing is written then
 */
export function writeState(
  engine: Engine,
  state: LayerState,
  values: Readonly<Record<string, TensorData>>,
): void {
  const entries = Object.entries(state).map(([name, tensor]) => {
    const data = values[name];
    if (data === undefined || data.length !== tensor.size) {
      const got = data === undefined ? 'is missing' : `has ${data.length} elements`;
      throw new SsError('state-mismatch', `The state's ${name} ${got} where ${tensor.size} are wanted.`, {
        details: { name, wanted: tensor.shape },
      });
    }
    return [tensor, data] as const;
  });
  for (const [tensor, data] of entries) {
    using source = fromBytes(encode(data as ArrayLike<number>, tensor.dtype), tensor.shape, tensor.dtype);
    engine.assign(tensor, source);
  }
}

export function disposeState(state: LayerState): void {
  for (const tensor of Object.values(state)) tensor.dispose();
}

/** New state memory with the same shape and the same order of axes in memory. */
function stateLike(engine: Engine, tensor: Tensor): Tensor {
  const order = memoryOrder(tensor);
  const back = order.map((_, axis) => order.indexOf(axis));
  using dense = engine.state(
    order.map((axis) => tensor.shape[axis]!),
    tensor.dtype,
  );
  return dense.permute(...back);
}

/** The axes from the slowest to the fastest in memory: permuted so, a state is dense. */
function memoryOrder({ shape, strides }: Tensor): number[] {
  return shape.map((_, axis) => axis).toSorted((a, b) => strides[b]! - strides[a]! || a - b);
}
