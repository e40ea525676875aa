import { createRegistry, SsError } from '@ss/core';
import type { Engine, OpName } from '@ss/core';
import { wasm } from '@ss/wasm';

/** A backend to test on, or why it cannot be. */
export interface Subject {
  readonly id: string;
  readonly missing: string | undefined;
  open(): Promise<Engine>;
}

const registry = createRegistry([wasm()]);
const ops: OpName[] = [
  'rmsNorm',
  'linear',
  'causalConv1d',
  'causalConv1dUpdate',
  'selectiveScan',
  'selectiveStateUpdate',
  'copy',
];

async function subject(id: string): Promise<Subject> {
  // `fallback: 'backend'` among one candidate asks for every op; `require` alone would take it without.
  const open = (): Promise<Engine> => registry.select({ require: id, fallback: 'backend', ops });
  try {
    await using _ = await open();
    return { id, missing: undefined, open };
  } catch (error) {
    if (!SsError.is(error, 'backend-unavailable')) throw error;
    return { id, missing: error.message, open };
  }
}

export const subjects: readonly Subject[] = await Promise.all(['reference', 'wasm'].map(subject));

/** A reference engine, freed with `await using`. */
export function referenceEngine(): Promise<Engine> {
  return registry.select({ require: 'reference' });
}
