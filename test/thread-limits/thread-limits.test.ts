import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpu } from '@ss/cpu';
import { expect, test } from 'vitest';
import type { TestContext } from 'vitest';

/* What a limit of processes (ulimit -u, the pids of a container) leaves is used, and said; nothing aborts. */

const probe = await cpu().probe();

async function openLimited({ skip }: TestContext, ...args: string[]): Promise<Record<string, unknown>> {
  skip(process.platform !== 'linux', 'the limit is set with prlimit, which is of Linux');
  const program = [join(import.meta.dirname, 'open-limited.ts'), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, program);
  const answer = JSON.parse(stdout) as Record<string, unknown>;
  skip(typeof answer['skip'] === 'string', String(answer['skip']));
  return answer;
}

test('cpu works with the threads that the system starts, and says how many they are', async (context) => {
  context.skip(!probe.available, '@ss/cpu is not built here');
  const three = await openLimited(context, 'cpu', '3');
  expect(three).toMatchObject({ right: true, facts: { threads: 3 } });
  expect(three['decision']).toContain('threads 3 of 8: the system starts no more');
  expect(await openLimited(context, 'cpu', '1')).toMatchObject({ right: true, facts: { threads: 1 } });
  const enough = await openLimited(context, 'cpu', '8');
  expect(enough).toMatchObject({ right: true, facts: { threads: 8 } });
  expect(enough['facts']).not.toHaveProperty('limit');
});

test('cpu that cannot start a single thread is refused with a hint', async (context) => {
  context.skip(!probe.available, '@ss/cpu is not built here');
  const refused = await openLimited(context, 'cpu', '0');
  expect(refused).toMatchObject({
    code: 'backend-unavailable',
    message: expect.stringContaining('cpu cannot start a thread: Resource temporarily unavailable') as string,
    hint: expect.stringContaining('ulimit -u') as string,
  });
});

test('wasm works on the thread of its caller where the system starts no more, and says why', async (context) => {
  const alone = await openLimited(context, 'wasm', '0', 'auto');
  expect(alone).toMatchObject({ right: true, facts: { threads: 1, mode: 'inline' } });
  expect(alone['decision']).toContain('The threads of wasm do not start');
});
