import { describeConformance } from '@ss/conformance';
import { describe } from 'vitest';
import { nativeTest as test } from '../test/native.ts';
import { cpu } from './index.ts';

describe('two threads', () => {
  describeConformance({ backend: cpu({ threads: 2 }) }, { describe, test });
});

describe('one thread', () => {
  describeConformance({ backend: cpu({ threads: 1 }), cases: 'golden/*' }, { describe, test });
});
