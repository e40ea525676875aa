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
  /** Where each of several texts begins among the tokens, and the end; the states then have a row for each. */
  readonly offsets?: readonly number[] | undefined;
}

type Inputs = { ids: InputSpec; cuSeqlens?: InputSpec };

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
  const { signal, chunk, offsets } = options;
  using program = tokens.length >= chunk ? recordChunk(network, states, chunk, offsets?.length) : undefined;
  await program?.prepare({ signal });
  let inFlight: Promise<unknown> | undefined;
  for (let at = 0; at < tokens.length; at += chunk) {
    throwIfAborted(signal, 'reading the prompt');
    const size = Math.min(chunk, tokens.length - at);
    const ids = tensor(Int32Array.from(tokens.slice(at, at + size)), [1, size]);
    const cuSeqlens = offsets && tensor(Int32Array.from(offsets, (to) => clamp(to - at, size)));
    const given = { ids, ...(cuSeqlens && { cuSeqlens }) };
    const done = program && size === chunk ? edge(program.run(given)) : runOnce(network, states, given);
    done.catch(() => undefined);
    advanced(size);
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
  offsets: number | undefined,
): Program<Inputs, FloatTensor> {
  const inputs: Inputs = {
    ids: { dtype: 'i32', shape: [1, chunk] },
    ...(offsets !== undefined && { cuSeqlens: { dtype: 'i32', shape: [offsets] } }),
  };
  return network.engine.record(inputs, (given) => hidden(network, states, given));
}

interface Given {
  readonly ids: Tensor;
  readonly cuSeqlens?: Tensor | undefined;
}

function runOnce(network: Network, states: readonly LayerState[], given: Given): Promise<unknown> {
  using x = hidden(network, states, given);
  return edge(x);
}

function hidden(network: Network, states: readonly LayerState[], { ids, cuSeqlens }: Given): FloatTensor {
  using x = network.embed(ids);
  return forwardLayers(network.layers, x, { states, cuSeqlens });
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/** Settles when `x` is there: a read of one element, in the order of the queue. */
function edge(x: Tensor): Promise<unknown> {
  using flat = x.reshape([x.size]);
  using first = flat.slice(0, 0, 1);
  return first.read();
}
