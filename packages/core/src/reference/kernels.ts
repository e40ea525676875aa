import type { HostKernel } from '../host-backend.ts';
import type { OpName } from '../ops/op.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';

/** Same inputs, same order of operations, whatever the chunking: every op is bitwise reproducible. */
function kernel(run: HostKernel['run']): HostKernel {
  return { run, assess: () => ({ ok: true, numerics: 'bitwise' }) };
}

export const kernels: Partial<Readonly<Record<OpName, HostKernel>>> = {
  selectiveScan: kernel(selectiveScan),
  selectiveScanBackward: kernel(selectiveScanBackward),
};
