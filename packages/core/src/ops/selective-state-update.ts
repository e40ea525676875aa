import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import { checkSequences } from './sequences.ts';
import { stateUpdateTolerance } from './tolerance.ts';

/**
 * One step of the selective scan, in place (`selective_state_update` of the official package):
 *
 *     dt = softplus?(dt + dtBias);  state = exp(dt * A) * state + dt * B * x
 *     y = sum_n C * state + D * x;  y = y * silu(z)
 *
 * Either one channel axis D, or heads (H, P), where head h reads group floor(h / (H / G)). A, dt and dtBias
 * shared by the channels of a head are views broadcast over P.
 */
export interface SelectiveStateUpdateArgs<X extends DType = DType> {
  /** (B, D, N) or (B, H, P, N) from `engine.state()`, updated in place; f32 (or f64 with f64 x) */
  readonly state: Tensor;
  /** (B, D) or (B, H, P); its dtype is that of y */
  readonly x: Tensor<X>;
  /** as x */
  readonly dt: Tensor;
  /** (D, N) or (H, P, N), f32 or f64 */
  readonly A: Tensor;
  /** (B, N) or (B, G, N); dtype of x */
  readonly B: Tensor;
  /** as B */
  readonly C: Tensor;
  /** (D) or (H, P) */
  readonly D?: Tensor | undefined;
  /** as x */
  readonly z?: Tensor | undefined;
  /** (D) or (H, P) */
  readonly dtBias?: Tensor | undefined;
  /** (B) i32: the rows of `state` that the batch uses; negative is padding, its y is zero */
  readonly stateIndices?: Tensor | undefined;
  /** default false */
  readonly softplus?: boolean | undefined;
}

export const selectiveStateUpdate: OpDefinition = {
  name: 'selectiveStateUpdate',
  required: ['state', 'x', 'dt', 'A', 'B', 'C'],
  optional: ['D', 'z', 'dtBias', 'stateIndices'],
  options: { softplus: flag },
  result: 'y',
  decomposition(args, ops) {
    const { x, dt, B, C, z, dtBias, ...others } = args as unknown as SelectiveStateUpdateArgs;
    // Heads would have to become channels side by side, which is no view of a broadcast A.
    if (x.shape.length !== 2) return undefined;
    const { y } = ops.selectiveScan({
      ...others,
      u: x.unsqueeze(1),
      delta: dt.unsqueeze(1),
      B: B.unsqueeze(1),
      C: C.unsqueeze(1),
      z: z?.unsqueeze(1),
      deltaBias: dtBias,
    });
    return { y: y.reshape(x.shape) };
  },

  infer(inputs) {
    const check = new Checker('selectiveStateUpdate', inputs);
    const heads = inputs['x']!.shape.length === 3;
    const channel = heads ? ['H', 'P'] : ['D'];
    const x = check.shape('x', ['B', ...channel])!;
    check.float('x', 'D', 'dtBias');
    check.shape('state', [checkSequences(check, inputs).slots, ...channel, 'N']);
    check.dtype('state', [x.dtype === 'f64' ? 'f64' : 'f32']);
    for (const name of ['dt', 'z']) check.shape(name, ['B', ...channel]);
    check.shape('A', [...channel, 'N']);
    check.dtype('A', ['f32', 'f64']);
    for (const name of ['B', 'C']) check.oneOf(name, ['B', 'N'], ['B', 'G', 'N']);
    check.sameDType('x', 'dt', 'z', 'B', 'C');
    for (const name of ['D', 'dtBias']) check.shape(name, channel);
    check.positive('B', 'N', ...channel);
    check.sizes['G'] ??= 1;
    check.groups(heads ? 'H' : 'D', 'G');
    return { outputs: { y: dense(x.dtype, x.shape) }, inout: ['state'], sizes: check.sizes };
  },

  tolerance: stateUpdateTolerance,

  example(dtype, shape) {
    const [B = 1, D = 1] = shape;
    const wide = dtype === 'f64' ? 'f64' : 'f32';
    const bd = dense(dtype, [B, D]);
    const bn = dense(dtype, [B, 16]);
    return {
      inputs: { state: dense(wide, [B, D, 16]), x: bd, dt: bd, A: dense(wide, [D, 16]), B: bn, C: bn },
      options: {},
    };
  },
};
