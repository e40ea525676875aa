import { createRegistry, defaultRegistry } from '@ss/core';
import type { BackendRegistration, BackendRegistry, Engine, OpName } from '@ss/core';

/** Where a model shall live. */
export interface EngineChoice {
  /** An id, which is then the only one allowed, or a registration. Default: the best of the registry */
  readonly backend?: string | BackendRegistration | undefined;
  /** default: the one every program shares */
  readonly registry?: BackendRegistry | undefined;
  /** An engine of yours; it stays open when the model is disposed. */
  readonly engine?: Engine | undefined;
}

/** What a model calls. */
const neededOps: readonly OpName[] = [
  'embedding',
  'rmsNorm',
  'linear',
  'causalConv1d',
  'causalConv1dUpdate',
  'selectiveScan',
  'selectiveStateUpdate',
  'copy',
  'sample',
];

/** @throws SsError `backend-unavailable`, `aborted` */
export async function chooseEngine(
  { backend, registry, engine }: EngineChoice,
  signal: AbortSignal | undefined,
): Promise<{ engine: Engine; owned: boolean }> {
  if (engine) return { engine, owned: false };
  const candidates =
    typeof backend === 'object' ? createRegistry([backend]) : (registry ?? defaultRegistry());
  const require = typeof backend === 'object' ? backend.id : backend;
  // Also where one is required: then it is that one with every op, or an error that says which are missing.
  const fallback = 'backend';
  return { engine: await candidates.select({ require, fallback, ops: neededOps, signal }), owned: true };
}
