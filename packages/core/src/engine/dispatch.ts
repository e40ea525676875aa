import type { Assessment, Backend, Blocker, OpCall, Plan } from '../backend.ts';
import { SsError } from '../errors.ts';
import type { OpName } from '../ops/op.ts';
import type { OptionNames } from '../options.ts';
import { refuse } from '../refusal.ts';
import type { Decision } from '../registry/decision.ts';
import { assess } from './assess.ts';
import { describeCall } from './bind.ts';
import { assessByParts } from './decompose.ts';
import type { AssessmentByParts } from './decompose.ts';

export interface EngineOptions {
  /** Backends that may run what the first cannot, in order. */
  readonly fallbacks?: readonly Backend[] | undefined;
  /** How the backend was chosen. */
  readonly decision?: Decision | undefined;
}

export const engineOptions: OptionNames<EngineOptions> = { fallbacks: true, decision: true };

/** Who runs a call, and how. */
export interface Route {
  readonly plan: Plan;
  /** Other ops that the engine's own backend runs in its place. */
  readonly parts?: readonly OpName[] | undefined;
  /** undefined: the engine's own backend */
  readonly away: Backend | undefined;
}

/**
 * Asks the engine's backend, for the op or for others that make it, then the ones its policy allows.
 * @throws SsError `op-unsupported` with every backend's blockers
 */
export function route(call: OpCall, home: Backend, { fallbacks = [], decision }: EngineOptions): Route {
  const refused: { backend: string; blockers: readonly Blocker[] }[] = [];
  for (const backend of [home, ...fallbacks]) {
    const assessment: AssessmentByParts =
      backend === home ? assessByParts(backend, call) : assessAway(backend, call);
    if (assessment.ok)
      return { plan: assessment, parts: assessment.parts, away: backend === home ? undefined : backend };
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
