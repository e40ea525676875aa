import { SsError, throwIfAborted } from '@ss/core';
import { CounterRandom } from '@ss/mamba-block';
import type { Network } from '../network.ts';
import type { Session } from '../session/session.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { Decoder } from './decoder.ts';
import { noDistribution } from './no-distribution.ts';
import type { Sampling } from './options.ts';
import { pause } from './pause.ts';
import { Pieces } from './pieces.ts';
import { Shown } from './shown.ts';
import { Meter } from './summary.ts';
import type { GenerationSummary, StopReason } from './summary.ts';

/** One token drawn. */
export interface Piece {
  /** What can be shown now: whole characters, without what may turn out to be a stop string. May be empty. */
  readonly text: string;
  readonly id: number;
  /** Natural logarithm of the model's probability of it, before temperature and filters. */
  readonly logProb: number;
  /** 0 for the first. */
  readonly index: number;
}

/** @internal */
export interface GenerationStart {
  readonly network: Network;
  readonly tokenizer: Tokenizer | undefined;
  /** Asked for when the generation begins. */
  prompt(): readonly number[];
  readonly sampling: Sampling;
  readonly signal: AbortSignal | undefined;
  /** The session to continue; without one, `open` makes one that is freed at the end. */
  readonly session: Session | undefined;
  open(): Session;
}

/**
 * Pieces of text as they are drawn. Nothing runs before the first is asked for; leaving the loop stops the
 * work and frees its memory at once.
 */
export class Generation extends Pieces<Piece, GenerationSummary> {
  /** @internal Made by `model.generate()`. */
  constructor(start: GenerationStart) {
    super((report) => generate(start, report));
  }

  /** Runs to the end. @returns all text from here on */
  async text(): Promise<string> {
    let all = '';
    for await (const { text } of this) all += text;
    return all;
  }
}

async function* generate(
  start: GenerationStart,
  report: (summary: GenerationSummary) => void,
): AsyncGenerator<Piece, undefined, undefined> {
  const { network, sampling, signal } = start;
  throwIfAborted(signal, 'generating');
  const session = start.session ?? start.open();
  const meter = new Meter();
  let reason: StopReason = 'cancelled';
  try {
    using _ = session.lock();
    session.append(start.prompt());
    using decoder = await ready(start, session, meter);
    const random = new CounterRandom(sampling.seed);
    const goesOn = start.session !== undefined;
    const shown = new Shown(start.tokenizer, sampling, { before: session.tokens, goesOn });
    for (let index = 0; ; index++) {
      throwIfAborted(signal, 'generating');
      session.requireOpen();
      const { id, logProb } = await draw(decoder.it, random.at(index), session, meter);
      if (id < 0) throw noDistribution(`in step ${index}`, { step: index });
      const { text, end } = shown.add(id, index);
      reason = end ?? reason;
      yield { text, id, logProb, index };
      if (end !== undefined) return;
      await pause();
    }
  } catch (error) {
    reason = SsError.is(error, 'aborted') ? 'aborted' : 'failed';
    throw error;
  } finally {
    if (start.session === undefined) session.dispose();
    report({ reason, seed: sampling.seed, ...meter.measured(network.engine.id) });
  }
}

/** Runs the prompt and records the step. */
async function ready(
  { network, sampling, signal }: GenerationStart,
  session: Session,
  meter: Meter,
): Promise<Disposable & { readonly it: Decoder }> {
  using _ = meter.start();
  meter.promptTokens = await session.readyToStep({ signal, chunk: sampling.chunk });
  const it = new Decoder(network, session.states, [session.tokens.at(-1)!], sampling);
  const held = session.hold(it);
  try {
    await it.prepare(signal);
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
  return { it, [Symbol.dispose]: () => held[Symbol.dispose]() };
}

async function draw(
  decoder: Decoder,
  uniform: number,
  session: Session,
  meter: Meter,
): Promise<{ id: number; logProb: number }> {
  using _ = meter.start();
  const [drawn] = await decoder.next([uniform], [session.tokens]);
  session.drawn(drawn!.id < 0 ? undefined : drawn!.id);
  if (drawn!.id >= 0) meter.drawn(1);
  return drawn!;
}
