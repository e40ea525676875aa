import { expect, test } from 'vitest';
import { SlowBackend } from '../../test/slow-backend.ts';
import { tensor } from '../host.ts';
import { Engine } from './engine.ts';

/** Backends whose `copy` wants arguments that only a copy could give. */
const circular = [
  ['x of every copy', { silu: ['x'], copy: ['x'] }],
  ['the state it copies into', { copy: ['to'] }],
] as const;

test.each(circular)(
  'a backend that wants %s dense is named before anything is changed',
  async (_, contiguous) => {
    const slow = new SlowBackend({ id: 'acme', contiguous });
    await using engine = new Engine(slow);
    const x = engine.tensor([1, 2, 3, 4], [2, 2]).permute(1, 0);
    const state = engine.state([2, 2]).permute(1, 0);
    const wrong = expect.objectContaining({
      code: 'backend-invalid',
      message: expect.stringContaining('acme wants') as string,
      details: { backend: 'acme', argument: contiguous.copy[0] },
    }) as Error;
    if ('silu' in contiguous) {
      expect(() => engine.silu({ x })).toThrow(wrong);
      expect(() => engine.silu({ x: tensor([1, 2, 3, 4], [2, 2]).permute(1, 0) })).toThrow(wrong);
      expect(() => engine.copy({ x })).toThrow(wrong);
    } else {
      expect(() => engine.assign(state, x)).toThrow(wrong);
    }
    await engine.sync();
    // A copy of the state may have been made for nothing.
    expect(slow.log).toEqual('silu' in contiguous ? [] : ['copy']);
    expect([...(await state.read())]).toEqual([0, 0, 0, 0]);
  },
);

test('a backend that wants copies into views from dense memory gets it', async () => {
  await using engine = new Engine(new SlowBackend({ contiguous: { silu: ['x'] } }));
  const x = engine.tensor([0, 0, -Infinity, 0], [2, 2]).permute(1, 0);
  expect([...(await engine.silu({ x }).read())]).toEqual([0, 0, 0, 0]);
});
