import { reference } from '@ss/core';
import { describe, test } from 'vitest';
import { describeConformance } from './index.ts';

describeConformance({ backend: reference() }, { describe, test });
