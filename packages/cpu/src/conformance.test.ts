import { describeConformance } from '@ss/conformance';
import { describe, test } from 'vitest';
import { cpu } from './index.ts';

describe('two threads', () => {
  describeConformance({ backend: cpu({ threads: 2 }) }, { describe, test });
});
