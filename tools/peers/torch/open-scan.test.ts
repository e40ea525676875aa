import { spawnSync } from 'node:child_process';
import { compareScans, outputsOf, scanCotangents, scanInputs, setupCommand } from '@ss/cli/against';
import { createRegistry } from '@ss/core';
import type { SelectiveScanBackwardArgs } from '@ss/core';
import { beforeEach, expect, test } from 'vitest';
import { openScan, python } from './open-scan.ts';

const everything = { softplus: true, bias: true, D: true, z: true, finalState: true };
const nothing = { softplus: false, bias: false, D: false, z: false, finalState: false };
const shape = { batch: 2, length: 70, channels: 5, states: 3 };

const installed = spawnSync(python, ['-c', 'import torch, numpy']).status === 0;
beforeEach(({ skip }) => skip(!installed, `${python} has no PyTorch: ${setupCommand('torch')}`));

test.each([
  { name: 'everything', options: everything },
  { name: 'nothing more than it needs', options: nothing },
])('all formulations of the scan with $name, and their gradients, are ours', async ({ options }) => {
  const inputs = scanInputs(shape, options, 'f32');
  const cotangents: SelectiveScanBackwardArgs = scanCotangents(inputs, shape, 'f32');
  await using engine = await createRegistry().select({ require: 'reference' });
  const ours = new Map([
    ...(await outputsOf(engine, 'selectiveScan', inputs)),
    ...(await outputsOf(engine, 'selectiveScanBackward', cotangents)),
  ]);
  await using torch = await openScan(cotangents);
  const compared = await compareScans(torch, inputs, ours);
  expect(compared.map(({ formulation }) => formulation)).toEqual([
    'sequential',
    'chunked-cumsum-64',
    'chunked-cumsum-16',
  ]);
  for (const { check } of compared) expect(check.used).toBeLessThan(1);
  expect(await torch.run('sequential')).toBeGreaterThan(0);
});
