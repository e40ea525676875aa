import { throwIfAborted } from '@ss/core';
import type { OpName } from '@ss/core';
import { opNames } from '@ss/core/engine';
import { applyKnown, matches } from './known.ts';
import type { KnownDeviation } from './known.ts';
import { Tally } from './report.ts';
import type { CaseResult, ConformanceReport, Tier } from './report.ts';
import { Session } from './session.ts';
import type { Subject } from './session.ts';
import { suites } from './suites/index.ts';
import { openVectors } from './vectors/folder.ts';

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

/**
 * Tests one backend against the contract.
 * @throws SsError `backend-unavailable` when it cannot be loaded, `aborted`
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const { tier = 'quick', onResult, signal } = options;
  const started = performance.now();
  throwIfAborted(signal, 'opening a backend');
  await using session = await Session.open(options.backend, signal);
  const tally = new Tally();
  for await (const result of results(session, options)) {
    tally.add(result);
    onResult?.(result);
  }
  const { id, device } = session.bench.engine;
  return tally.report({ backend: id, device, tier, milliseconds: performance.now() - started });
}

/** Results in order, ops first, suites within. */
export async function* results(session: Session, options: ConformanceOptions): AsyncGenerator<CaseResult> {
  const { ops = opNames, known = [] } = options;
  const seen: string[] = [];
  for (const op of ops) {
    for await (const result of resultsOf(op, session, options)) {
      seen.push(result.id);
      yield applyKnown(result, known);
    }
  }
  yield* skippedVectors(options);
  if (options.cases === undefined) yield await session.atEnd();
  if (options.cases !== undefined || options.ops !== undefined) return;
  for (const { case: pattern } of known) {
    if (seen.some((id) => matches(id, pattern))) continue;
    yield {
      id: `known/${pattern}`,
      op: ops[0]!,
      status: 'failed',
      reason: 'A known deviation names no case.',
      milliseconds: 0,
    };
  }
}

async function* resultsOf(
  op: OpName,
  session: Session,
  options: ConformanceOptions,
): AsyncGenerator<CaseResult> {
  const { tier = 'quick', vectorsDir, cases = '*', signal } = options;
  if (!session.ops.includes(op)) {
    yield { id: `*/${op}/*`, op, status: 'skipped', reason: `${session.id} has no ${op}`, milliseconds: 0 };
    return;
  }
  const setup = { tier, vectors: openVectors(vectorsDir) };
  const wanted = (id: string): boolean => matches(id, cases);
  for (const suite of suites) {
    if (suite.ops.includes(op)) yield* session.run(suite, op, setup, { wanted, signal });
  }
}

/** Vectors of ops that this contract does not have. */
async function* skippedVectors({ vectorsDir, ops }: ConformanceOptions): AsyncGenerator<CaseResult> {
  if (ops !== undefined) return;
  for (const entry of await openVectors(vectorsDir).index()) {
    if (opNames.includes(entry.op as OpName)) continue;
    yield {
      id: `golden/${entry.op}/${entry.id}`,
      op: entry.op as OpName,
      status: 'skipped',
      reason: 'the contract has no such op',
      milliseconds: 0,
    };
  }
}
