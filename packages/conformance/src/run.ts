import { checkOptions, throwIfAborted } from '@ss/core';
import type { OpName, OptionNames } from '@ss/core';
import { opNames } from '@ss/core/engine';
import type { Setup } from './case.ts';
import { applyKnown, matches } from './known.ts';
import type { KnownDeviation } from './known.ts';
import { Tally } from './report.ts';
import type { CaseResult, ConformanceReport, Tier } from './report.ts';
import { Session } from './session.ts';
import type { Subject } from './session.ts';
import { suites } from './suites/index.ts';
import { openVectors } from './vectors/folder.ts';
import type { VectorEntry } from './vectors/folder.ts';

export interface ConformanceOptions {
  /** a registration, or a function that makes an engine; fallbacks of that engine are not used */
  readonly backend: Subject;
  /** `quick` (default): pairs of parameters, a minute at most; `full`: every combination */
  readonly tier?: Tier | undefined;
  /** default: every op of the contract; those that the backend lacks are skipped */
  readonly ops?: readonly OpName[] | undefined;
  /** path or URL of a folder of test vectors; default: the ones of this package */
  readonly vectorsDir?: string | URL | undefined;
  /** only cases whose id fits; `*` stands for anything */
  readonly cases?: string | undefined;
  /** deviations that are declared; a declared case that passes is a failure */
  readonly known?: readonly KnownDeviation[] | undefined;
  /** hears every result as it comes */
  readonly onResult?: ((result: CaseResult) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const optionNames: OptionNames<ConformanceOptions> = {
  backend: true,
  tier: true,
  ops: true,
  vectorsDir: true,
  cases: true,
  known: true,
  onResult: true,
  signal: true,
};

/**
 * Tests one backend against the contract.
 * @throws SsError `backend-unavailable` when it cannot be loaded, `aborted`
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  checkOptions('runConformance()', options, optionNames);
  const { onResult, signal } = options;
  const started = performance.now();
  throwIfAborted(signal, 'opening a backend');
  const setup = await setUp(options);
  await using session = await Session.open(options.backend, signal);
  const tally = new Tally();
  for await (const result of results(session, setup, options)) {
    tally.add(result);
    onResult?.(result);
  }
  const { id, device } = session.bench.engine;
  return tally.report({ backend: id, device, tier: setup.tier, milliseconds: performance.now() - started });
}

/** @throws Error when the vectors cannot be read */
export async function setUp({ tier = 'quick', vectorsDir }: ConformanceOptions): Promise<Setup> {
  const vectors = openVectors(vectorsDir);
  await vectors.index();
  return { tier, vectors };
}

/** Everything about one op, in the light of what is known. */
export async function* resultsOf(
  op: OpName,
  session: Session,
  setup: Setup,
  { cases = '*', known = [], signal }: ConformanceOptions,
): AsyncGenerator<CaseResult> {
  if (!session.ops.includes(op)) {
    yield { id: `*/${op}/*`, op, status: 'skipped', reason: `${session.id} has no ${op}`, milliseconds: 0 };
    return;
  }
  const wanted = (id: string): boolean => matches(id, cases);
  for (const suite of suites) {
    if (!suite.ops.includes(op)) continue;
    for await (const result of session.run(suite, op, setup, { wanted, signal }))
      yield applyKnown(result, known);
  }
}

async function* results(
  session: Session,
  setup: Setup,
  options: ConformanceOptions,
): AsyncGenerator<CaseResult> {
  const { ops = opNames, known = [], cases = '*' } = options;
  const seen: string[] = [];
  for (const op of ops) {
    for await (const result of resultsOf(op, session, setup, options)) {
      seen.push(result.id);
      yield result;
    }
  }
  if (options.ops === undefined) yield* strangeVectors(await setup.vectors.index(), cases);
  if (cases !== '*') return;
  yield await session.atEnd(ops);
  if (options.ops === undefined) yield* idleDeclarations(known, seen);
}

/** Vectors of ops that this contract does not have. */
function* strangeVectors(index: readonly VectorEntry[], cases: string): Generator<CaseResult> {
  for (const { op, id } of index) {
    if (opNames.includes(op as OpName) || !matches(`golden/${op}/${id}`, cases)) continue;
    const reason = 'the contract has no such op';
    yield { id: `golden/${op}/${id}`, op: op as OpName, status: 'skipped', reason, milliseconds: 0 };
  }
}

/** A declaration that names no case has outlived what it was about. */
function* idleDeclarations(known: readonly KnownDeviation[], seen: readonly string[]): Generator<CaseResult> {
  for (const { case: pattern } of known) {
    if (seen.some((id) => matches(id, pattern))) continue;
    const reason = 'A known deviation names no case.';
    yield { id: `known/${pattern}`, op: opNames[0]!, status: 'failed', reason, milliseconds: 0 };
  }
}
