import { tensor, throwIfAborted } from '@ss/core';
import type { FloatTensor, InputSpec, Program, Tensor } from '@ss/core';
import type { LayerState } from '@ss/mamba-block';
import { pause } from '../generate/pause.ts';
import { forwardLayers } from '../network.ts';
import type { Network } from '../network.ts';

export interface PrefillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tokens that are run at once. */
  readonly chunk: number;
}

/**
 * Runs tokens through the layers for what they leave in the states. Full chunks are one recorded program, the
 * rest runs once as it is. Between chunks the thread is free and the signal is asked; `advanced` counts the
 * tokens that are in the state for certain, whatever happens next.
 */
export async function prefill(
  network: Network,
  states: readonly LayerState[],
  tokens: readonly number[],
  options: PrefillOptions,
  advanced: (count: number) => void,
): Promise<void> {
  const { signal, chunk } = options;
  using program = tokens.length >= chunk ? recordChunk(network, states, chunk) : undefined;
  await program?.prepare({ signal });
  let inFlight: Promise<unknown> | undefined;
  for (let at = 0; at < tokens.length; at += chunk) {
    throwIfAborted(signal, 'reading the prompt');
    const ids = tensor(Int32Array.from(tokens.slice(at, at + chunk)), [
      1,
      Math.min(chunk, tokens.length - at),
    ]);
    const done = program && ids.size === chunk ? edge(program.run({ ids })) : runOnce(network, states, ids);
    done.catch(() => undefined);
    advanced(ids.size);
    // One chunk runs while the next is enqueued; more would only be more to wait for after an abort.
    await inFlight;
    inFlight = done;
    await pause();
  }
  await inFlight;
}

function recordChunk(
  network: Network,
  states: readonly LayerState[],
  chunk: number,
): Program<{ ids: InputSpec }, FloatTensor> {
  return network.engine.record({ ids: { dtype: 'i32', shape: [1, chunk] } }, ({ ids }) =>
    hidden(network, states, ids),
  );
}

function runOnce(network: Network, states: readonly LayerState[], ids: Tensor): Promise<unknown> {
  using x = hidden(network, states, ids);
  return edge(x);
}

function hidden(network: Network, states: readonly LayerState[], ids: Tensor): FloatTensor {
  using x = network.embed(ids);
  return forwardLayers(network.layers, x, states);
}

/** Settles when `x` is there: a read of one element, in the order of the queue. */
function edge(x: Tensor): Promise<unknown> {
  using flat = x.reshape([x.size]);
  using first = flat.slice(0, 0, 1);
  return first.read();
}
