import type { Backend, BoundCall, TensorArg } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import { elementSpan } from '../shape.ts';
import { trace, tracing } from '../trace.ts';

/** Runs one call on another backend: inputs over, outputs and in-place arguments back. */
export async function runElsewhere(call: BoundCall, home: Backend, away: Backend): Promise<void> {
  const moved: unknown[] = [];
  const over = async (arg: TensorArg, contents: boolean): Promise<TensorArg> => {
    const { first, length } = byteRange(arg);
    const buffer = away.alloc(Math.max(length, 4), { zero: false });
    moved.push(buffer);
    if (contents && length > 0) {
      const bytes = await home.read(arg.buffer, first, length);
      away.write(buffer, 0, bytes);
      copied(away, length);
    }
    return { ...arg, buffer, offset: arg.offset - first / dtypes[arg.dtype].bytes };
  };
  try {
    const inputs: Record<string, TensorArg> = {};
    const outputs: Record<string, TensorArg> = {};
    for (const [name, arg] of Object.entries(call.inputs)) inputs[name] = await over(arg, true);
    for (const [name, arg] of Object.entries(call.outputs)) outputs[name] = await over(arg, false);
    let scratch: unknown;
    const plan = away.assess(call);
    if (plan.ok && plan.scratchBytes) moved.push((scratch = away.alloc(plan.scratchBytes, { zero: false })));
    await away.submit([{ ...call, inputs, outputs, scratch }]);
    const back = [
      ...Object.entries(call.outputs).map(([name, arg]) => [arg, outputs[name]!] as const),
      ...call.inout.map((name) => [call.inputs[name]!, inputs[name]!] as const),
    ];
    for (const [to, from] of back) {
      const { first, length } = byteRange(to);
      if (length === 0) continue;
      home.write(to.buffer, first, await away.read(from.buffer, 0, length));
      copied(home, length);
    }
  } finally {
    for (const buffer of moved) away.free(buffer);
  }
}

function byteRange(arg: TensorArg): { first: number; length: number } {
  const { start, end } = elementSpan(arg);
  const size = dtypes[arg.dtype].bytes;
  return { first: start * size, length: (end - start) * size };
}

function copied(to: Backend, bytes: number): void {
  if (tracing()) trace({ type: 'copy', reason: 'fallback', backend: to.id, bytes });
}
