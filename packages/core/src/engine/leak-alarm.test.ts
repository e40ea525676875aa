import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { createReferenceBackend } from '../reference/index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  vi.resetModules();
});

/** Warnings after `body` and a collection, with a fresh alarm that has not been raised. */
async function warnings(
  log: string,
  body: (engine: import('./engine.ts').Engine) => unknown,
): Promise<string[]> {
  vi.stubEnv('SS_LOG', log);
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const { Engine } = await import('./engine.ts');
  const engine = new Engine(createReferenceBackend());
  await body(engine);
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return warn.mock.calls.map(([text]) => String(text));
}

test('device memory that is collected without dispose() is reported, once, with where it was made', async () => {
  const said = await warnings('info', (engine) => {
    for (let i = 0; i < 10; i++) engine.zeros([4]);
  });
  expect(said).toEqual([
    expect.stringMatching(
      /^@ss: 16 bytes \([^]*leak-alarm\.test\.ts[^]*\) of reference memory were collected without dispose\(\)\.$/,
    ),
  ]);
});

test('what was disposed, or went with its engine, is not a leak', async () => {
  const said = await warnings('info', async (engine) => {
    engine.zeros([4]).dispose();
    engine.scope(() => void engine.zeros([4]));
    engine.zeros([4]);
    await engine.dispose();
  });
  expect(said).toEqual([]);
});

test('outside development nobody watches', async () => {
  expect(await warnings('silent', (engine) => void engine.zeros([4]))).toEqual([]);
});
