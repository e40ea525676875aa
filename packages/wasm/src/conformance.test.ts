import { describeConformance } from '@ss/conformance';
import { describe, test } from 'vitest';
import { wasm } from './index.ts';

const withVectors = [
  'selectiveScan',
  'selectiveStateUpdate',
  'causalConv1d',
  'linear',
  'rmsNorm',
  'silu',
  'softplus',
  'crossEntropy',
  'sample',
  'selectiveScanBackward',
  'causalConv1dBackward',
] as const;

describe('two threads in worker mode', () => {
  describeConformance({ backend: wasm({ mode: 'worker', threads: 2 }) }, { describe, test });
});

describe('one thread inline without relaxed SIMD', () => {
  const backend = wasm({ mode: 'inline', threads: 1, relaxedSimd: false });
  describeConformance({ backend, ops: withVectors, cases: 'golden/*' }, { describe, test });
});
