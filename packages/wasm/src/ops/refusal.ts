import type { Blocker, DType, OpCall, Refusal } from '@ss/core';

export function refuse(blocker: Blocker): Refusal {
  return { ok: false, blockers: [blocker] };
}

/** Refuses a call with a dtype that its kernel does not take; `*` stands for all arguments not named. */
export function unsupported(
  call: OpCall,
  allowed: Readonly<Record<string, readonly DType[]>>,
): Refusal | undefined {
  for (const [name, { dtype }] of [...Object.entries(call.inputs), ...Object.entries(call.outputs)]) {
    const dtypes = allowed[name] ?? allowed['*']!;
    if (dtypes.includes(dtype)) continue;
    return refuse({
      code: 'dtype-unsupported',
      message: `wasm has no ${call.op} with ${dtype} ${name}, only ${dtypes.join(', ')}`,
      origin: 'request',
      fix: "select({ fallback: 'op' }) lets another backend run such calls",
    });
  }
  return undefined;
}

export function packedSequences(call: OpCall): Refusal | undefined {
  if (!call.inputs['cuSeqlens'] && !call.inputs['stateIndices']) return undefined;
  return refuse({
    code: 'packed-unsupported',
    message: `wasm has no ${call.op} over packed sequences or state slots`,
    origin: 'request',
    fix: 'Call it for each sequence.',
  });
}
