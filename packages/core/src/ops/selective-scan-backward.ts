import type { FloatDType } from '../dtype.ts';
import type { FloatTensor, Tensor } from '../tensor.ts';
import { channelsLast, checkCotangents, gradientsOf } from './check.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import { selectiveScan } from './selective-scan.ts';
import type { SelectiveScanArgs } from './selective-scan.ts';
import { sequenceInputs } from './sequences.ts';
import { scanGradientTolerance } from './tolerance.ts';

/**
 * The gradients of {@link SelectiveScanArgs}, from the forward's inputs and the cotangents of its outputs;
 * nothing is kept between the two. Each output `dX` has the shape of the input X. For complex tensors the
 * gradient is dLoss/dRe + i dLoss/dIm, as PyTorch has it.
 */
export interface SelectiveScanBackwardArgs extends Omit<SelectiveScanArgs, 'state' | 'finalState'> {
  /** (B, L, D) cotangent of y; dtype of u */
  readonly dy: Tensor;
  /** (B, D, N) cotangent of the final state; its dtype */
  readonly dfinalState?: Tensor | undefined;
}

/** Gradients of optional inputs are there when the input was given. */
export interface SelectiveScanGradients extends Disposable {
  /** (B, L, D) in u's dtype */
  readonly du: FloatTensor;
  readonly ddelta: FloatTensor;
  /** (D, N) in A's dtype */
  readonly dA: Tensor<FloatDType | 'complex64'>;
  /** in B's shape and dtype, summed over what B is shared by */
  readonly dB: Tensor<FloatDType | 'complex64'>;
  readonly dC: Tensor<FloatDType | 'complex64'>;
  /** (D) in D's dtype */
  readonly dD?: FloatTensor;
  /** (B, L, D) in u's dtype */
  readonly dz?: FloatTensor;
  /** (D) in deltaBias' dtype */
  readonly ddeltaBias?: FloatTensor;
  /** (B, D, N) in initialState's dtype */
  readonly dinitialState?: Tensor<FloatDType | 'complex64'>;
}

export const selectiveScanBackward: OpDefinition = {
  name: 'selectiveScanBackward',
  required: ['u', 'delta', 'A', 'B', 'C', 'dy'],
  optional: ['D', 'z', 'deltaBias', 'initialState', 'dfinalState', ...sequenceInputs],
  options: { softplus: flag, reverse: flag },

  infer(inputs, options) {
    const { dy, dfinalState, ...forward } = inputs;
    const { sizes, outputs } = selectiveScan.infer(
      forward,
      { ...options, finalState: true },
      'selectiveScanBackward',
    );
    checkCotangents(
      'selectiveScanBackward',
      { dy, dfinalState },
      { dy: outputs['y']!, dfinalState: outputs['finalState']! },
    );
    const { initialState, cuSeqlens: _, stateIndices: __, ...others } = forward;
    const [rows, D, N] = initialState?.shape ?? [];
    return {
      outputs: {
        ...gradientsOf(others),
        ...(initialState && { dinitialState: channelsLast(initialState.dtype, [rows!, D!, N!]) }),
      },
      inout: [],
      sizes,
    };
  },

  tolerance: scanGradientTolerance,

  example(dtype, shape) {
    const { inputs, options } = selectiveScan.example(dtype, shape);
    return { inputs: { ...inputs, dy: inputs['u']! }, options };
  },
};
