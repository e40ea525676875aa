import type { Blocker, OpCall, Refusal } from './backend.ts';
import type { DType } from './dtype.ts';

/** A no of `assess`, for one reason. */
export function refuse(blocker: Blocker): Refusal {
  return { ok: false, blockers: [blocker] };
}

/** Dtypes that a kernel takes, by argument; `*` stands for all that are not named. */
export interface AllowedDTypes {
  readonly '*': readonly DType[];
  readonly [argument: string]: readonly DType[];
}

/** The no of `assess` to a call with a dtype that the kernel does not take; nothing if it takes them all. */
export function refuseDTypes(backend: string, call: OpCall, allowed: AllowedDTypes): Refusal | undefined {
  for (const [name, { dtype }] of [...Object.entries(call.inputs), ...Object.entries(call.outputs)]) {
    const dtypes = allowed[name] ?? allowed['*'];
    if (dtypes.includes(dtype)) continue;
    return refuse({
      code: 'dtype-unsupported',
      message: `${backend} has no ${call.op} with ${dtype} ${name}, only ${dtypes.join(', ')}`,
      origin: 'request',
      fix: "select({ fallback: 'op' }) lets another backend run such calls",
    });
  }
  return undefined;
}
