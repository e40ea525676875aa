import type { BoundCall, OpCall, TensorArg, TensorSpec } from '../backend.ts';
import { SsError } from '../errors.ts';
import type { OpDefinition } from '../ops/op.ts';
import { host } from '../host.ts';
import { show } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { Device } from './device.ts';

export type TensorArgs = Readonly<Record<string, Tensor>>;

/** A call's arguments, sorted into tensors and options. @throws SsError for what the op does not have or lacks */
export function sortArguments(
  definition: OpDefinition,
  args: object,
): { tensors: TensorArgs; options: Record<string, unknown> } {
  const tensors: Record<string, Tensor> = {};
  const options: Record<string, unknown> = {};
  const { name: op, required, optional } = definition;
  for (const [name, value] of Object.entries(args) as [string, unknown][]) {
    if (value === undefined) continue;
    if (required.includes(name) || optional.includes(name)) {
      if (!isTensor(value)) {
        throw new SsError('argument-invalid', `${op}: ${name} is not a tensor.`, {
          hint: 'Make one with tensor(values, shape).',
          details: { op, argument: name },
        });
      }
      tensors[name] = value;
    } else if (definition.options.includes(name)) {
      options[name] = value;
    } else {
      const known = [...required, ...optional, ...definition.options].join(', ');
      throw new SsError('argument-unknown', `${op} has no argument ${name}; it has ${known}.`, {
        details: { op, argument: name },
      });
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
  const inputs: Record<string, TensorSpec> = {};
  for (const [name, value] of Object.entries(tensors)) {
    const { owner } = value.storage;
    if (owner !== device && owner !== host) {
      throw new SsError(
        'tensor-foreign',
        `${definition.name}: ${name} belongs to ${owner.label}, not to this ${device.label} engine.`,
        {
          hint: 'Read it and pass the values, or use one engine for both.',
          details: { op: definition.name, argument: name },
        },
      );
    }
    inputs[name] = specOf(value);
  }
  const { outputs, inout, sizes } = definition.infer(inputs, options);
  for (const name of inout) {
    const { storage } = tensors[name]!;
    if (!storage.mutable || storage.owner !== device) {
      throw new SsError(
        'state-required',
        `${definition.name} writes ${name} in place, which only engine.state() memory allows.`,
        {
          details: { op: definition.name, argument: name },
        },
      );
    }
  }
  return { op: definition.name, inputs, outputs, inout, options, sizes };
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

function isTensor(value: unknown): value is Tensor {
  return (
    value instanceof Tensor ||
    (typeof value === 'object' && value !== null && 'storage' in value && 'dtype' in value)
  );
}
