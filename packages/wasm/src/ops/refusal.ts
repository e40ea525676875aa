import type { Blocker, DType, OpCall, Refusal } from '@ss/core';

export function refuse(blocker: Blocker): Refusal {
  return { ok: false, blockers: [blocker] };
}

/** Why a call with wide or complex numbers or packed sequences is refused; undefined when it has none. */
export function unsupported(call: OpCall, allowed: Readonly<Record<string, readonly DType[]>>): Refusal | undefined {
  for (const [name, { dtype }] of Object.entries({ ...call.inputs, ...call.outputs })) {
    const dtypes = allowed[name] ?? allowed['*']!;
    if (dtypes.includes(dtype)) continue;
    return refuse({
      code: 'dtype-unsupported',
      message: `wasm has no ${call.op} with ${name} in ${dtype}`,
      origin: 'request',
      fix: `${dtypes.join(', ')} run here; select({ fallback: 'op' }) lets the reference run the rest`,
    });
  }
  return undefined;
}
