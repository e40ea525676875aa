import { describeConformance } from '@ss/conformance';
import { beforeEach, describe, test } from 'vitest';
import { ofSequences } from '../test/ops.ts';
import { NO_ADAPTER, softwareGpu } from '../test/software-gpu.ts';
import { webgpu } from './index.ts';

const gpu = await softwareGpu();

beforeEach(({ skip }) => skip(gpu === undefined, NO_ADAPTER));

describeConformance({ backend: webgpu({ gpu }), ops: ofSequences }, { describe, test });
