import type { Assessment, Backend, Blocker, OpCall, Plan } from '../backend.ts';
import { SsError } from '../errors.ts';
import { refuse } from '../refusal.ts';
import type { Decision } from '../registry/decision.ts';
import { assess } from './assess.ts';
import { describeCall } from './bind.ts';

export interface EngineOptions {
  /** Backends that may run what the first cannot, in order. */
  readonly fallbacks?: readonly Backend[] | undefined;
  /** How the backend was chosen. */
  readonly decision?: Decision | undefined;
}

/** Who runs a call, and how. */
export interface Route {
  readonly plan: Plan;
  /** undefined: the engine's own backend */
  readonly away: Backend | undefined;
}

/**
 * Asks the engine's backend, then the ones its policy allows.
 * @throws SsError `op-unsupported` with every backend's blockers
 */
export function route(call: OpCall, home: Backend, { fallbacks = [], decision }: EngineOptions): Route {
  const refused: { backend: string; blockers: readonly Blocker[] }[] = [];
  for (const backend of [home, ...fallbacks]) {
    const assessment = backend === home ? assess(backend, call) : assessAway(backend, call);
    if (assessment.ok) return { plan: assessment, away: backend === home ? undefined : backend };
    refused.push({ backend: backend.id, blockers: assessment.blockers });
  }
  const reasons = refused
    .map(({ backend, blockers }) => `${backend}: ${blockers.map((b) => b.message).join('; ')}`)
    .join(' | ');
  const fix = refused.flatMap(({ blockers }) => blockers.flatMap((b) => b.fix ?? []))[0];
  throw new SsError('op-unsupported', `${describeCall(call)} cannot run. ${reasons}`, {
    hint:
      fix ??
      (fallbacks.length === 0
        ? "Allow another backend with select({ fallback: 'op' })."
        : 'Register a backend that has it.'),
    details: { op: call.op, refused, decision },
  });
}

function assessAway(backend: Backend, call: OpCall): Assessment {
  const packed = Object.entries(call.inputs).find(([, spec]) => spec.format !== undefined);
  if (packed === undefined) return assess(backend, call);
  const message = `${packed[0]} is packed for another backend (${packed[1].format})`;
  return refuse({ code: 'weight-packed', message, origin: 'request' });
}
