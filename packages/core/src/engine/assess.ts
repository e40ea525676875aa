import type { Assessment, Backend, OpCall } from '../backend.ts';
import { refuse } from '../refusal.ts';

/** A backend's answer, with the ops it does not have at all turned into a blocker. */
export function assess(backend: Backend, call: OpCall): Assessment {
  if (backend.ops.includes(call.op)) return backend.assess(call);
  const message = `${backend.id} has no ${call.op}`;
  return refuse({ code: 'op-missing', message, origin: 'request' });
}
