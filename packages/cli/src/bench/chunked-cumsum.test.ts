import { tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { compare } from '../compare.ts';
import { scanInputs } from '../scan-inputs.ts';
import { chunkedCumsum } from './chunked-cumsum.ts';
import { onReference } from './on-reference.ts';

const options = { softplus: true, bias: true, D: true, z: false, finalState: false };
const shape = { batch: 2, length: 130, channels: 5, states: 4 };

test('it is the selective scan while no exponential underflows', async () => {
  const inputs = scanInputs(shape, options, 'f32');
  const expected = await onReference(async (reference) => {
    using out = reference.selectiveScan(inputs);
    return (await out.y.read()) as Float32Array;
  });
  expect(compare(await chunkedCumsum(inputs), expected, { rtol: 1e-3, atol: 1e-3 }).used).toBeLessThan(1);
});

test('a fast channel becomes not a number, where the reference stays finite', async () => {
  const inputs = {
    ...scanInputs(shape, options, 'f32'),
    deltaBias: tensor(new Float32Array(5).fill(1), [5]),
  };
  const y = await onReference(async (reference) => {
    using out = reference.selectiveScan(inputs);
    return (await out.y.read()) as Float32Array;
  });
  expect(y.every(Number.isFinite)).toBe(true);
  expect((await chunkedCumsum(inputs)).every(Number.isFinite)).toBe(false);
});
