import type { OpCall } from '../backend.ts';
import type { HostKernel } from '../host-backend.ts';
import type { OpName } from '../ops/op.ts';
import { argmax } from './argmax.ts';
import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import { causalConv1d } from './causal-conv1d.ts';
import { copy } from './copy.ts';
import { crossEntropy } from './cross-entropy.ts';
import { add, silu, softplus } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { linearBackward } from './linear-backward.ts';
import { linear } from './linear.ts';
import { crossEntropyBackward, embeddingBackward } from './loss-backward.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import { sample } from './sample.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';

/** Same inputs, same order of operations, whatever the chunking. */
function kernel(run: HostKernel['run']): HostKernel {
  return { run, assess: () => ({ ok: true, numerics: 'bitwise' }) };
}

/** Inside a call the state is float64; between the pieces of a narrower sequence it is rounded to f32. */
function scan(run: HostKernel['run']): HostKernel {
  const wide = ({ inputs }: OpCall): boolean => inputs['u']!.dtype === 'f64' && inputs['A']!.dtype === 'f64';
  return { run, assess: (call) => ({ ok: true, numerics: wide(call) ? 'bitwise' : 'tolerance' }) };
}

export const kernels: Partial<Readonly<Record<OpName, HostKernel>>> = {
  selectiveScan: scan(selectiveScan),
  selectiveStateUpdate: kernel(selectiveStateUpdate),
  causalConv1d: kernel(causalConv1d),
  causalConv1dUpdate: kernel(causalConv1d),
  linear: kernel(linear),
  rmsNorm: kernel(rmsNorm),
  copy: kernel(copy),
  add: kernel(add),
  embedding: kernel(embedding),
  silu: kernel(silu),
  softplus: kernel(softplus),
  crossEntropy: kernel(crossEntropy),
  argmax: kernel(argmax),
  sample: kernel(sample),
  selectiveScanBackward: scan(selectiveScanBackward),
  causalConv1dBackward: kernel(causalConv1dBackward),
  linearBackward: kernel(linearBackward),
  rmsNormBackward: kernel(rmsNormBackward),
  crossEntropyBackward: kernel(crossEntropyBackward),
  embeddingBackward: kernel(embeddingBackward),
};
