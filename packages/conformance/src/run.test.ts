import { createHostBackend, reference, SsError } from '@ss/core';
import type { OpName } from '@ss/core';
import { Engine } from '@ss/core/engine';
import { expect, test } from 'vitest';
import { describeConformance, formatReport, runConformance } from './index.ts';
import type { CaseResult, ConformanceOptions } from './index.ts';

/** Copies its first argument, whatever the op: right for none but copy. */
const echo = (...ops: OpName[]): (() => Engine) => {
  const kernel = {
    run: ({ inputs, outputs }: { inputs: object; outputs: object }) => {
      const [from] = Object.values(inputs) as { buffer: Uint8Array }[];
      const [to] = Object.values(outputs) as { buffer: Uint8Array }[];
      to!.buffer.set(from!.buffer.subarray(0, to!.buffer.length));
    },
  };
  return () =>
    new Engine(
      createHostBackend({
        id: 'echo',
        device: { kind: 'cpu', name: 'echo', facts: { echoes: true } },
        kernels: Object.fromEntries(ops.map((op) => [op, kernel])),
      }),
    );
};

const few = { cases: 'golden/silu/*' } as const;

test('the report counts, names what failed and says why cases were skipped', async () => {
  const report = await runConformance({ backend: echo('silu'), ...few });
  expect(report).toMatchObject({ backend: 'echo', tier: 'quick', passed: 0, failed: 3 });
  expect(report.ops.silu).toEqual({ passed: 0, failed: 3, skipped: 0 });
  expect(report.failures[0]).toMatchObject({
    id: 'golden/silu/silu-000',
    op: 'silu',
    reason: expect.stringMatching(/^y: \d+ of/),
  });
  expect(report.skips).toContainEqual({
    op: 'linear',
    reason: 'echo has no linear',
    cases: 1,
    first: '*/linear/*',
  });
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  const text = formatReport(report);
  expect(text).toMatch(/^Conformance of echo \(echo, echoes\), tier quick/);
  expect(text).toMatch(/golden\/silu\/silu-000\n {4}y: /);
  expect(text).toMatch(/1 of linear: echo has no linear/);
  expect(text).toMatch(/0 passed, 3 failed, 19 skipped in [\d.]+ s$/);
});

test('a declared failure is skipped with its reason; a declared pass fails', async () => {
  const known = [
    { case: 'golden/silu/silu-00[01]', reason: 'none' },
    { case: 'golden/silu/*-000', reason: 'it echoes' },
  ];
  const failing = await runConformance({ backend: echo('silu'), ...few, known });
  expect(failing).toMatchObject({ failed: 2, ops: { silu: { skipped: 1 } } });
  expect(failing.skips).toContainEqual(
    expect.objectContaining({ reason: 'known deviation: it echoes', cases: 1 }),
  );
  const passing = await runConformance({ backend: reference(), ...few, known });
  expect(passing).toMatchObject({ passed: 2, failed: 1 });
  expect(passing.failures[0]!.reason).toMatch(/declared as a known deviation \(it echoes\)/);
});

test('a declaration that names no case fails a whole run', async () => {
  const known = [{ case: 'golden/selu/*', reason: 'misspelt' }];
  const report = await runConformance({
    backend: () =>
      new Engine(
        createHostBackend({
          id: 'none',
          device: { kind: 'cpu', name: 'none', facts: {} },
          kernels: {
            silu: {
              assess: () => ({ ok: false, blockers: [{ code: 'no', message: 'no', origin: 'request' }] }),
              run() {},
            },
          },
        }),
      ),
    known,
  });
  expect(report.failures).toEqual([
    { id: 'known/golden/selu/*', op: expect.any(String), reason: 'A known deviation names no case.' },
  ]);
});

test('results come one by one, and a signal stops between them', async () => {
  const controller = new AbortController();
  const seen: CaseResult[] = [];
  const run = runConformance({
    backend: reference(),
    ops: ['silu'],
    signal: controller.signal,
    onResult: (result) => {
      seen.push(result);
      if (seen.length === 2) controller.abort();
    },
  });
  await expect(run).rejects.toSatisfy((error) => SsError.is(error, 'aborted'));
  expect(seen.map(({ id }) => id)).toEqual(['golden/silu/silu-000', 'golden/silu/silu-001']);
  await expect(runConformance({ backend: reference(), signal: controller.signal })).rejects.toSatisfy(
    (error) => SsError.is(error, 'aborted'),
  );
});

test('a backend that cannot be loaded is an error, not a report', async () => {
  const probe = () =>
    ({ available: false, blockers: [{ code: 'gone', message: 'it is gone', origin: 'device' }] }) as const;
  const backend = { ...reference(), id: 'gone', probe };
  await expect(runConformance({ backend })).rejects.toThrow(/it is gone/);
});

/** Registers with a runner of its own and runs what was registered. */
async function described(options: ConformanceOptions): Promise<Map<string, string>> {
  const tests: [string, (context: { skip(reason?: string): void }) => Promise<void>][] = [];
  describeConformance(options, {
    describe: (_name, body) => body(),
    test: (name, body) => tests.push([name, body]),
  });
  const outcomes = new Map<string, string>();
  for (const [name, body] of tests) {
    outcomes.set(name, 'passed');
    try {
      await body({ skip: (reason) => void outcomes.set(name, `skipped: ${reason}`) });
    } catch (error) {
      outcomes.set(name, `failed: ${(error as Error).message}`);
    }
  }
  return outcomes;
}

test('describeConformance registers a test per op and one for what must be given back', async () => {
  const outcomes = await described({ backend: echo('silu'), ops: ['silu', 'add'], cases: 'golden/*' });
  expect([...outcomes.keys()]).toEqual(['silu', 'add', 'every byte is given back']);
  expect(outcomes.get('silu')).toMatch(
    /^failed: 3 of 3 cases of silu fail:\n {2}golden\/silu\/silu-000\n {4}y: /,
  );
  expect(outcomes.get('add')).toBe('skipped: echo has no add');
  expect(outcomes.get('every byte is given back')).toBe('passed');
});
