import type { OpName } from '@ss/core';

/** Ops that go along sequences: about half of the kit's work. */
export const ofSequences: readonly OpName[] = [
  'selectiveScan',
  'selectiveScanBackward',
  'selectiveStateUpdate',
];
