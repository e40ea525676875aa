import type { HostKernel } from '../host-backend.ts';
import type { OpName } from '../ops/op.ts';
import { argmax } from './argmax.ts';
import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import { causalConv1d } from './causal-conv1d.ts';
import { copy } from './copy.ts';
import { crossEntropy } from './cross-entropy.ts';
import { add, silu, softplus } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { pack } from './int8-weight.ts';
import { linearBackward } from './linear-backward.ts';
import { linear } from './linear.ts';
import { crossEntropyBackward, embeddingBackward } from './loss-backward.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import { sample } from './sample.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';

/** Nothing carried from step to step, or carried exactly: any chunking of the sequence gives the same bits. */
function kernel(run: HostKernel['run']): HostKernel {
  return { run, assess: () => ({ ok: true, numerics: 'bitwise' }) };
}

/** States are float64 inside a call and rounded to their dtype between calls. */
function recurrent(run: HostKernel['run']): HostKernel {
  return {
    run,
    assess: ({ inputs }) => {
      const exact = [inputs['u'] ?? inputs['x'], inputs['A']].every((spec) => spec?.dtype === 'f64');
      return { ok: true, numerics: exact ? 'bitwise' : 'tolerance' };
    },
  };
}

/** Gradients of weights are sums over the steps of a call. */
function gradient(run: HostKernel['run']): HostKernel {
  return { run, assess: () => ({ ok: true, numerics: 'tolerance' }) };
}

export const kernels: Partial<Readonly<Record<OpName, HostKernel>>> = {
  selectiveScan: recurrent(selectiveScan),
  selectiveStateUpdate: recurrent(selectiveStateUpdate),
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
  pack: kernel(pack),
  selectiveScanBackward: gradient(selectiveScanBackward),
  causalConv1dBackward: gradient(causalConv1dBackward),
  linearBackward: gradient(linearBackward),
  rmsNormBackward: gradient(rmsNormBackward),
  crossEntropyBackward: gradient(crossEntropyBackward),
  embeddingBackward: gradient(embeddingBackward),
};
