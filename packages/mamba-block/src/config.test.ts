import { expect, test } from 'vitest';
import { mambaConfig } from './config.ts';

test('a width is enough: the rest is that of the official package', () => {
  expect(mambaConfig({ dModel: 768 })).toEqual({
    dModel: 768,
    dInner: 1536,
    dState: 16,
    dConv: 4,
    dtRank: 48,
    bias: false,
    convBias: true,
    normEps: 1e-5,
  });
});

test('the inner width follows expand, unless it is given', () => {
  expect(mambaConfig({ dModel: 10, expand: 1.5 }).dInner).toBe(15);
  expect(mambaConfig({ dModel: 10, expand: 16, dInner: 12 }).dInner).toBe(12);
});

test.for([
  { dModel: 0 },
  { dModel: 2.5 },
  { dModel: 8, dState: 0 },
  { dModel: 8, dConv: -1 },
  { dModel: 8, dtRank: Number.NaN },
  { dModel: 8, normEps: 0 },
  { dModel: 8, normEps: Number.NaN },
  { dModel: 8, expand: 1.7 },
])('%o is refused', (options) => {
  expect(() => mambaConfig(options)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
});
