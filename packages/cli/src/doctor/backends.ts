import { createRegistry, SsError, throwIfAborted } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { Blocker, Decision, Engine, SelectiveScanArgs } from '@ss/core';
import { agrees, compare } from '../compare.ts';
import type { Comparison } from '../compare.ts';
import { onReference } from '../bench/on-reference.ts';
import { scanInputs } from '../scan-inputs.ts';
import { endsAlone } from './alone.ts';

/** How one backend did. */
export interface BackendCheck {
  readonly id: string;
  readonly priority: number;
  /** `works`: it computed a scan as the reference does; `missing`: not installed; `fails`: anything else */
  readonly outcome: 'works' | 'missing' | 'fails';
  /** device and facts of one that opened, reasons of one that did not */
  readonly says: string;
  readonly scan?: Comparison & { readonly milliseconds: number };
}

export interface BackendChecks {
  readonly backends: readonly BackendCheck[];
  /** id of what a program that names no backend gets, and why in one line */
  readonly chosen: string | null;
  readonly why: string;
}

/** Channels that fill no vector evenly, and a length that is one step past a power of two. */
const shape = { batch: 2, length: 65, channels: 67, states: 16 };
const inputs: SelectiveScanArgs = scanInputs(
  shape,
  { softplus: true, bias: true, D: true, z: true, finalState: true },
  'f32',
);

/** Opens every backend and lets it run a real scan, compared with the reference. */
export async function checkBackends(signal: AbortSignal): Promise<BackendChecks> {
  const registry = createRegistry();
  const candidates = registry.explain().candidates;
  const ends = await Promise.all(
    candidates.map(async ({ id }) => (id === 'reference' ? undefined : await endsAlone(id, signal))),
  );
  const backends: BackendCheck[] = [];
  for (const [i, { id, priority }] of candidates.entries()) {
    throwIfAborted(signal, 'checking backends');
    const end = ends[i];
    if (end !== undefined) backends.push({ id, priority, outcome: 'fails', says: end });
    else
      backends.push({
        id,
        priority,
        ...(await check(() => registry.select({ require: id, ops: ['selectiveScan'], signal }))),
      });
  }
  const exclude = candidates.filter((_, i) => ends[i] !== undefined).map(({ id }) => id);
  return { backends, ...(await choice(() => registry.select({ exclude, signal }))) };
}

async function check(open: () => Promise<Engine>): Promise<Omit<BackendCheck, 'id' | 'priority'>> {
  try {
    await using engine = await open();
    const { name, facts } = engine.device;
    const device = [name, ...Object.entries(facts).map(([fact, value]) => `${fact} ${String(value)}`)].join(
      ', ',
    );
    const run = async (on: Engine): Promise<readonly number[]> => {
      using out = on.selectiveScan({ ...inputs, finalState: true });
      return [...((await out.y.read()) as Float32Array), ...((await out.finalState.read()) as Float32Array)];
    };
    // The first run compiles and warms up.
    await run(engine);
    const started = performance.now();
    const actual = await run(engine);
    const milliseconds = performance.now() - started;
    const tolerance = ops.selectiveScan.tolerance('f32', 'y', {
      B: shape.batch,
      L: shape.length,
      D: shape.channels,
      N: shape.states,
    });
    const scan = { ...compare(actual, await onReference(run), tolerance), milliseconds };
    return { outcome: agrees(scan) ? 'works' : 'fails', says: device, scan };
  } catch (error) {
    if (SsError.is(error, 'aborted')) throw error;
    const blockers = SsError.is(error, 'backend-unavailable') ? reasons(error) : [];
    // What is there and not whole is a failure: somebody wanted it.
    const missing = blockers.some(({ origin, code }) => origin === 'install' && code !== 'native-incomplete');
    const why = describeBlockers(blockers) || (error instanceof Error ? error.message : String(error));
    return { outcome: missing ? 'missing' : 'fails', says: why };
  }
}

/** What stood in the way of the backends that were asked for. */
function reasons({ details }: SsError): readonly Blocker[] {
  const decision = details['decision'] as Decision | undefined;
  return decision?.candidates.flatMap(({ blockers }) => blockers) ?? [];
}

function describeBlockers(blockers: readonly Blocker[]): string {
  return blockers.map(({ message, fix }) => (fix === undefined ? message : `${message} (${fix})`)).join('; ');
}

async function choice(open: () => Promise<Engine>): Promise<{ chosen: string | null; why: string }> {
  try {
    await using engine = await open();
    return { chosen: engine.id, why: engine.decision!.summary };
  } catch (error) {
    if (SsError.is(error, 'aborted')) throw error;
    return { chosen: null, why: error instanceof Error ? error.message : String(error) };
  }
}
