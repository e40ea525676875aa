import { encode } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { placeParameter } from './parameters.ts';

test('f64 reaches no backend: most have none', () => {
  const packed: unknown[] = [];
  const engine = {
    scope: (body: () => unknown) => body(),
    pack: (value: Tensor, as: unknown) => packed.push([value.dtype, value.shape, as]),
  } as unknown as Engine;
  const spec = { name: 'in_proj.weight', kept: 'projection' } as const;
  const value = { dtype: 'f64', shape: [2, 1], bytes: encode([1, 2], 'f64') } as const;
  placeParameter(engine, spec, value);
  placeParameter(engine, spec, value, 'bf16');
  expect(packed).toEqual([
    ['f32', [2, 1], 'f32'],
    ['f32', [2, 1], 'bf16'],
  ]);
});
