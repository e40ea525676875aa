import type { Backend } from '../backend.ts';
import { createHostBackend } from '../host-backend.ts';
import { packing } from './int8-weight.ts';
import { kernels } from './kernels.ts';

/** Every op of the contract in plain TypeScript with float64 accumulation: the mathematics, not the speed. */
export function createReferenceBackend(): Backend<Uint8Array> {
  return createHostBackend({
    id: 'reference',
    device: { kind: 'cpu', name: 'TypeScript', facts: { accumulation: 'float64' } },
    kernels,
    packing,
  });
}
