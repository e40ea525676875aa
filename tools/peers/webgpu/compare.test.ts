import { expect, test } from 'vitest';
import { missing, openComparison } from './compare.ts';

test('linear and scan of three libraries agree, and ours asks for the fewest dispatches', async ({
  skip,
}) => {
  const why = missing();
  skip(why !== undefined, why);
  await using comparison = await openComparison();
  const linear = await comparison.run({ op: 'linear', rows: 9, K: 40, M: 70 }, 1);
  const scan = await comparison.run({ op: 'scan', L: 130, D: 70, N: 5 }, 1);
  for (const rows of [linear, scan]) {
    expect(rows.map(({ name }) => name)).toEqual(['@ss/webgpu', 'tfjs-webgpu', 'jax-js']);
    for (const { difference } of rows) expect(difference).toBeLessThan(1e-4);
    for (const { counts } of rows) expect(counts.submits).toBeGreaterThan(0);
  }
  expect(linear[0]!.counts).toMatchObject({ dispatches: 1, submits: 1 });
  const [ours, ...others] = scan.map(({ counts }) => counts.dispatches);
  expect(ours).toBeLessThanOrEqual(3);
  for (const theirs of others) expect(theirs).toBeGreaterThan(ours!);
});
