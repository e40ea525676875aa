import type { BoundCall, OpCall, TensorArg, TensorSpec } from '../backend.ts';
import { SsError } from '../errors.ts';
import { host } from '../host.ts';
import { callOf } from '../ops/op.ts';
import type { OpDefinition, OpName } from '../ops/op.ts';
import { sequenceProblem } from '../ops/sequences.ts';
import { showValue, unknownName } from '../options.ts';
import { elementSpan, show } from '../shape.ts';
import { gather, Tensor } from '../tensor.ts';
import type { Device } from './device.ts';

export type TensorArgs = Readonly<Record<string, Tensor>>;

/** Names of the same arguments in mamba_ssm and causal_conv1d, where they are not those of another argument here. */
const theirs: Readonly<Record<string, string>> = {
  softplus: 'delta_softplus dt_softplus',
  deltaBias: 'dt_bias',
  dtBias: 'delta_bias',
  delta: 'dt',
  dt: 'delta',
  finalState: 'return_last_state return_final_states',
  initialState: 'initial_states',
  state: 'conv_state ssm_state',
  eps: 'epsilon norm_eps',
};

/** A call's arguments, sorted into tensors and options. @throws SsError for what the op does not have or lacks */
export function sortArguments(
  definition: OpDefinition,
  args: object,
): { tensors: TensorArgs; options: Record<string, unknown> } {
  const tensors: Record<string, Tensor> = {};
  const options: Record<string, unknown> = {};
  const { name: op, required, optional } = definition;
  if (typeof args !== 'object' || args === null || Array.isArray(args) || isTensor(args)) {
    throw new SsError('argument-invalid', `${op} takes an object of arguments, not ${showValue(args)}.`, {
      hint: `Name them: ${op}({ ${required.join(', ')} }).`,
      details: { op },
    });
  }
  for (const [name, value] of Object.entries(args) as [string, unknown][]) {
    if (value === undefined) continue;
    if (required.includes(name) || optional.includes(name)) {
      if (!isTensor(value)) {
        throw new SsError(
          'argument-invalid',
          `${op}: ${name} is ${showValue(value)}, which is not a tensor.`,
          {
            hint: 'Make one with tensor(values, shape).',
            details: { op, argument: name },
          },
        );
      }
      tensors[name] = value;
    } else if (Object.hasOwn(definition.options, name)) {
      options[name] = value;
    } else {
      const known = [...required, ...optional, ...Object.keys(definition.options)];
      throw unknownName(
        op,
        'argument',
        name,
        Object.fromEntries(known.map((each) => [each, theirs[each] ?? true])),
      );
    }
  }
  for (const name of required) {
    if (tensors[name] === undefined) {
      throw new SsError('argument-missing', `${op} needs the tensor ${name}.`, {
        details: { op, argument: name },
      });
    }
  }
  return { tensors, options };
}

/** The validated call, as `assess` sees it. @throws SsError from the op's contract */
export function makeCall(
  definition: OpDefinition,
  tensors: TensorArgs,
  options: Record<string, unknown>,
  device: Device,
): OpCall {
  const { name: op, packed = [] } = definition;
  const inputs: Record<string, TensorSpec> = {};
  for (const [name, value] of Object.entries(tensors)) {
    device.requireOwn(value, `${op}: ${name}`, op);
    if (value.format !== undefined && !packed.includes(name)) {
      throw new SsError('tensor-packed', `${op}: ${name} is a packed weight (${value.format}).`, {
        hint: 'Pass the tensor that it was packed from.',
        details: { op, argument: name },
      });
    }
    inputs[name] = specOf(value);
  }
  const call = callOf(definition, inputs, options);
  for (const name of call.inout) checkInPlace(op, name, tensors, device);
  checkSequenceValues(op, tensors, call.sizes);
  return call;
}

/** Where sequences are and which states they use, as far as the host knows. */
function checkSequenceValues(op: OpName, tensors: TensorArgs, sizes: OpCall['sizes']): void {
  const { cuSeqlens, stateIndices, state } = tensors;
  const pool = state ?? tensors['initialState'];
  const problem = sequenceProblem(
    { cuSeqlens: hostValues(cuSeqlens), stateIndices: hostValues(stateIndices) },
    { L: sizes['L'] ?? 1, slots: pool?.shape[0] ?? 0, written: state !== undefined },
  );
  if (problem) throw new SsError('argument-invalid', `${op}: ${problem}.`, { details: { op } });
}

function hostValues(tensor: Tensor | undefined): ArrayLike<number> | undefined {
  if (tensor === undefined || tensor.storage.owner !== host) return undefined;
  return gather(tensor.storage.handle as Uint8Array, tensor, tensor.dtype as 'i32');
}

/** What is written in place is state, names every element once, and is no other argument's memory. */
function checkInPlace(op: OpName, name: string, tensors: TensorArgs, device: Device): void {
  const written = tensors[name]!;
  const { storage } = written;
  const details = { op, argument: name };
  if (!storage.mutable || storage.owner !== device) {
    throw new SsError(
      'state-required',
      `${op} writes ${name} in place, which only engine.state() memory allows.`,
      { details },
    );
  }
  // An empty state, as of a convolution of width 1, has strides of 0 and nothing that could overlap.
  if (written.size > 0 && written.shape.some((extent, axis) => extent > 1 && written.strides[axis] === 0)) {
    throw new SsError(
      'argument-invalid',
      `${op}: ${name} is written in place and cannot be a broadcast view.`,
      {
        details,
      },
    );
  }
  const own = elementSpan(written);
  for (const [other, tensor] of Object.entries(tensors)) {
    if (other === name || tensor.storage !== storage) continue;
    const span = elementSpan(tensor);
    if (span.start < own.end && own.start < span.end) {
      throw new SsError('argument-invalid', `${op}: ${other} overlaps ${name}, which is written in place.`, {
        hint: `Pass a copy: engine.copy({ x: ${other} }).`,
        details,
      });
    }
  }
}

export function specOf({ dtype, shape, strides, offset, format }: Tensor): TensorSpec {
  return { dtype, shape, strides, offset, ...(format !== undefined && { format }) };
}

export function bind(call: OpCall, inputs: TensorArgs, outputs: TensorArgs, scratch: unknown): BoundCall {
  const arg = (tensor: Tensor): TensorArg => ({ ...specOf(tensor), buffer: tensor.storage.handle });
  const all = (tensors: TensorArgs): Record<string, TensorArg> =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, arg(tensor)]));
  return { ...call, inputs: all(inputs), outputs: all(outputs), scratch };
}

/** `selectiveScan(u f32 (1, 8, 4), ...)`, for messages. */
export function describeCall({ op, inputs }: Pick<OpCall, 'op' | 'inputs'>): string {
  const parts = Object.entries(inputs).map(([name, { dtype, shape }]) => `${name} ${dtype} ${show(shape)}`);
  return `${op}(${parts.join(', ')})`;
}

export function isTensor(value: unknown): value is Tensor {
  return (
    value instanceof Tensor ||
    (typeof value === 'object' && value !== null && 'storage' in value && 'dtype' in value)
  );
}
