import { expect, test } from 'vitest';
import { SlowBackend } from '../../test/slow-backend.ts';
import type { Backend } from '../backend.ts';
import { Engine } from './engine.ts';

/** A backend that logs when it is asked to give memory back. */
function trimming(id: string): { backend: SlowBackend; asked: () => number } {
  const backend: SlowBackend & Pick<Backend, 'trim'> = new SlowBackend({ id });
  let asked = 0;
  backend.trim = () => void asked++;
  return { backend, asked: () => asked };
}

test('trim reaches the backend and those it falls back to', async () => {
  const [own, other] = [trimming('own'), trimming('other')];
  await using engine = new Engine(own.backend, { fallbacks: [other.backend] });
  engine.trim();
  expect([own.asked(), other.asked()]).toEqual([1, 1]);
});

test('a backend that keeps nothing need not have it', async () => {
  const engine = new Engine(new SlowBackend());
  engine.trim();
  using x = engine.zeros([2]);
  expect([...(await engine.add({ a: x, b: x }).read())]).toEqual([0, 0]);
  await engine.dispose();
  expect(() => engine.trim()).toThrow(expect.objectContaining({ code: 'engine-disposed' }) as Error);
});
