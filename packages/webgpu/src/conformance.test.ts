import { describeConformance } from '@ss/conformance';
import { opNames } from '@ss/core/engine';
import { beforeEach, describe, test } from 'vitest';
import { NO_ADAPTER, softwareGpu } from '../test/software-gpu.ts';
import { ofSequences } from '../test/ops.ts';
import { webgpu } from './index.ts';

const gpu = await softwareGpu();

/** The other half is `conformance-of-sequences.test.ts`, so that two cores have something to do. */
const ops = opNames.filter((op) => !ofSequences.includes(op));

beforeEach(({ skip }) => skip(gpu === undefined, NO_ADAPTER));

describeConformance({ backend: webgpu({ gpu }), ops }, { describe, test });
