import { checkOptions } from '@ss/core';
import type { OpName } from '@ss/core';
import { opNames } from '@ss/core/engine';
import type { Setup } from './case.ts';
import { optionNames, resultsOf, setUp } from './run.ts';
import type { ConformanceOptions } from './run.ts';
import type { CaseResult } from './report.ts';
import { Session } from './session.ts';

/** What vitest and node:test hand to a test, as far as this needs it. */
interface TestContext {
  skip?(reason?: string): void;
}

/** The functions of a test runner: those of vitest and of node:test fit. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: (context: TestContext) => Promise<void>): unknown;
}

/**
 * Registers one test per op, and one that everything is given back. An op that the backend lacks is a skipped
 * test with the reason; a failing test lists its cases. Results of single cases go to `onResult`.
 */
export function describeConformance(options: ConformanceOptions, { describe, test }: TestRunner): void {
  checkOptions('describeConformance()', options, optionNames);
  const { ops = opNames, onResult, signal } = options;
  let opened: Promise<[Session, Setup]> | undefined;
  const open = (): Promise<[Session, Setup]> =>
    (opened ??= Promise.all([Session.open(options.backend, signal), setUp(options)]));

  describe('conformance', () => {
    for (const op of ops) {
      test(op, async (context) => {
        const results: CaseResult[] = [];
        for await (const result of resultsOf(op, ...(await open()), options)) {
          results.push(result);
          onResult?.(result);
        }
        const failed = results.filter(({ status }) => status === 'failed');
        if (failed.length > 0) throw new Error(listed(op, failed, results.length));
        if (results.every(({ status }) => status === 'skipped'))
          context.skip?.(results[0]?.reason ?? `no case fits ${options.cases}`);
      });
    }

    test('every byte is given back', async () => {
      const [session] = await open();
      await using _ = session;
      const { status, reason } = await session.atEnd(ops);
      if (status === 'failed') throw new Error(reason);
    });
  });
}

function listed(op: OpName, failed: readonly CaseResult[], all: number): string {
  const lines = failed.map(({ id, reason }) => `${id}\n    ${reason}`);
  return [`${failed.length} of ${all} cases of ${op} fail:`, ...lines].join('\n  ');
}
