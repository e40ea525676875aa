import { expect, test } from 'vitest';
import { scanInputs } from '../../scan-inputs.ts';
import { compareScans } from './compare-scans.ts';
import type { ScanPeer } from './peer.ts';

const shape = { batch: 2, length: 20, channels: 3, states: 2 };
const inputs = scanInputs(
  shape,
  { softplus: true, bias: true, D: false, z: false, finalState: false },
  'f32',
);
const y = Float32Array.from({ length: 2 * 20 * 3 }, (_, i) => Math.sin(i));

/** A peer whose y is ours, after `change`. */
function peer(formulation: string, change: (y: Float32Array) => void): ScanPeer {
  const theirs = y.slice();
  change(theirs);
  return {
    version: 'a peer',
    manner: { threads: 1, simd: 'none' },
    formulations: [formulation],
    run: async () => 1,
    outputs: async () => new Map([['y', theirs]]),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const ours = new Map([['y', y]]);
/** The last step of the first sequence. */
const late = 19 * 3;

test('chunks may lose what comes late; it is counted', async () => {
  const some = peer('chunked-cumsum-64', (their) => {
    their[late] = Number.NaN;
    their[late + 1]! += 0.1;
  });
  const [compared] = await compareScans(some, inputs, ours);
  expect(compared).toMatchObject({ notFinite: '0.83 %', off: '10 %', check: { maxError: 0 } });
});

test.each([
  { name: 'chunks that are wrong at once', formulation: 'chunked-cumsum-64', at: 60, by: 0.1 },
  { name: 'a step that is wrong late', formulation: 'sequential', at: late, by: 1e-3 },
  { name: 'a step that is not a number', formulation: 'sequential', at: late, by: Number.NaN },
])('$name are not timed', async ({ formulation, at, by }) => {
  const some = peer(formulation, (their) => void (their[at]! += by));
  await expect(compareScans(some, inputs, ours)).rejects.toMatchObject({ code: 'check-failed' });
});

test('a peer that leaves out an output is not timed', async () => {
  const more = new Map([...ours, ['finalState', new Float32Array(12)] as const]);
  await expect(
    compareScans(
      peer('sequential', () => undefined),
      inputs,
      more,
    ),
  ).rejects.toThrow(/finalState/);
});
