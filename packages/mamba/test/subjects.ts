import { createRegistry, SsError } from '@ss/core';
import type { BackendRegistry } from '@ss/core';
import { wasm } from '@ss/wasm';
import { randomModel } from '../src/index.ts';

/** A backend to test on, or why it cannot be. */
export interface Subject {
  readonly id: string;
  readonly missing: string | undefined;
}

export const registry: BackendRegistry = createRegistry([wasm()]);

async function subject(id: string): Promise<Subject> {
  try {
    await using _ = await randomModel({ dModel: 4, layers: 1, vocabulary: 8 }, { backend: id, registry });
    return { id, missing: undefined };
  } catch (error) {
    if (!SsError.is(error, 'backend-unavailable')) throw error;
    return { id, missing: error.message };
  }
}

export const subjects: readonly Subject[] = await Promise.all(['reference', 'wasm'].map(subject));
