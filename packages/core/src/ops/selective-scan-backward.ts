import type { FloatDType } from '../dtype.ts';
import type { DTypeOf, FloatOf, Tensor } from '../tensor.ts';
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

type ScanDType<T> = Extract<DTypeOf<T>, FloatDType | 'complex64'>;

/** Gradients of optional inputs are there when the input was given. */
export interface SelectiveScanGradients<
  A extends SelectiveScanBackwardArgs = SelectiveScanBackwardArgs,
> extends Disposable {
  /** (B, L, D) in u's dtype */
  readonly du: Tensor<FloatOf<A['u']>>;
  readonly ddelta: Tensor<FloatOf<A['delta']>>;
  /** (D, N) in A's dtype */
  readonly dA: Tensor<ScanDType<A['A']>>;
  /** in B's shape and dtype, summed over what B is shared by */
  readonly dB: Tensor<ScanDType<A['B']>>;
  readonly dC: Tensor<ScanDType<A['C']>>;
  /** (D) in D's dtype */
  readonly dD?: Tensor<FloatOf<A['D']>>;
  /** (B, L, D) in u's dtype */
  readonly dz?: Tensor<FloatOf<A['z']>>;
  /** (D) in deltaBias' dtype */
  readonly ddeltaBias?: Tensor<FloatOf<A['deltaBias']>>;
  /** (B, D, N) in initialState's dtype */
  readonly dinitialState?: Tensor<ScanDType<A['initialState']>>;
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
