import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpu } from '@ss/cpu';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from './end-workers.ts';

/*
 * A worker may be ended at any moment, in the middle of a call into a native library or of a callback from it. Only the
 * worker ends then: not the process, and nothing hangs.
 */

const probe = await cpu().probe();
const NOT_BUILT = '@ss/cpu is not built here';

/** Compiled once for all workers, which would spend most of their time on it. */
let compiled: string;
beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'ss-compiled-'));
});
afterAll(() => rm(compiled, { recursive: true }));

/** What a process prints that ends workers. @throws Error when it does not end by itself with 0 */
async function run(plan: Plan): Promise<string> {
  const program = [join(import.meta.dirname, 'end-workers.ts'), JSON.stringify(plan)];
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, program, { env });
  return (stdout + stderr).trim();
}

test('400 workers that run ops on cpu are terminated', async ({ skip }) => {
  skip(!probe.available, NOT_BUILT);
  expect(await run({ how: 'terminate', count: 400, work: { backend: 'cpu' } })).toBe('400 workers ended');
});

test('100 workers that generate on cpu are terminated', async ({ skip }) => {
  skip(!probe.available, NOT_BUILT);
  const work = { backend: 'cpu', generates: true } as const;
  expect(await run({ how: 'terminate', count: 100, work })).toBe('100 workers ended');
});

test('workers that run ops on wasm, in threads of their own, are terminated', async () => {
  for (const mode of ['worker', 'inline']) {
    const work = { backend: 'wasm', options: { threads: 2, mode } } as const;
    expect(await run({ how: 'terminate', count: 12, work })).toBe('12 workers ended');
  }
});

test('a process may exit while its workers are busy', async ({ skip }) => {
  skip(!probe.available, NOT_BUILT);
  for (let i = 0; i < 6; i++) {
    expect(await run({ how: 'exit', count: 9, work: { backend: 'cpu' } })).toBe('');
    expect(await run({ how: 'exit', count: 9, work: { backend: 'cpu', generates: true } })).toBe('');
  }
  expect(await run({ how: 'exit', count: 9, work: { backend: 'wasm', options: { threads: 2 } } })).toBe('');
});
