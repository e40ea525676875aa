import { afterEach, expect, test, vi } from 'vitest';
import { tensor } from '../host.ts';
import { createRegistry } from './registry.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('SS_LOG=info prints the decision; an unknown SS_ variable is reported, once', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue();
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  vi.stubEnv('SS_LOG', 'info');
  vi.stubEnv('SS_BAKCEND', 'wasm');
  for (let i = 0; i < 2; i++) await (await createRegistry([]).select()).dispose();
  expect(error.mock.calls.map(([text]) => String(text).split('\n')[0])).toEqual(
    new Array(2).fill('Backend selection (fallback backend)'),
  );
  expect(warn.mock.calls).toEqual([['@ss: SS_BAKCEND is set but not known.']]);
});

test('SS_LOG=trace prints every event as a line', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue();
  vi.stubEnv('SS_LOG', 'trace');
  await using engine = await createRegistry([]).select();
  engine.silu({ x: tensor([1]) });
  const lines = error.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('@ss {'));
  const events = lines.map((text) => JSON.parse(text.slice(4)) as { type: string });
  expect(events.map(({ type }) => type)).toEqual(['copy', 'op']);
});
