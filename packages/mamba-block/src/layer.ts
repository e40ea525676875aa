import type { FloatTensor, Tensor } from '@ss/core';

/** What a layer carries from one token to the next: named tensors from `engine.state()`. */
export type LayerState = Readonly<Record<string, Tensor>>;

/** Anything that can stand in a model's array of layers. */
export interface Layer<State extends LayerState = LayerState> extends Disposable {
  /**
   * (B, L, K) to (B, L, K), residual included. A state is read, and left as it is after the last step.
   * @param cuSeqlens (S + 1) i32: x is S sequences packed into one row, and the state has a row for each; a layer
   * that looks at other tokens has to keep them apart
   */
  forward(x: Tensor, state?: State, cuSeqlens?: Tensor): FloatTensor;
  /** (B, K) to (B, K): the same for one step. */
  step(x: Tensor, state: State): FloatTensor;
  /** The state before the first step. */
  createState(batch: number): State;
}
