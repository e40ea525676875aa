import type { Blocker, DType, OpCall, Refusal } from '@ss/core';

export const narrowFloats: readonly DType[] = ['f32', 'f16', 'bf16'];

/** Allowed dtypes by argument; `*` stands for all that are not named. */
export type AllowedDTypes = Readonly<Record<string, readonly DType[]>>;

export function refuse(blocker: Blocker): Refusal {
  return { ok: false, blockers: [blocker] };
}

/** Refuses a call with a dtype that its kernel does not take. */
export function unsupported(call: OpCall, allowed: AllowedDTypes): Refusal | undefined {
  for (const [name, { dtype }] of [...Object.entries(call.inputs), ...Object.entries(call.outputs)]) {
    const dtypes = allowed[name] ?? allowed['*']!;
    if (dtypes.includes(dtype)) continue;
    return refuse({
      code: 'dtype-unsupported',
      message: `webgpu has no ${call.op} with ${dtype} ${name}, only ${dtypes.join(', ')}`,
      origin: 'request',
      fix: "select({ fallback: 'op' }) lets another backend run such calls",
    });
  }
  return undefined;
}
