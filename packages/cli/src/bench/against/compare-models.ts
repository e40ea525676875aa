import { throwIfAborted } from '@ss/core';
import type { ModelConfig } from '@ss/mamba';
import { compare } from '../../compare.ts';
import type { Work } from '../../work.ts';
import { measure } from '../measure.ts';
import type { Budget } from '../measure.ts';
import { requireAgreement } from '../report.ts';
import type { Benchmark, Row } from '../report.ts';
import { most } from './limits.ts';
import { loadPeers } from './load-peers.ts';
import type { ModelPeer, ModelPeerName, ModelRequest, ModelRunner, PeerWeights } from './peer.ts';
import { withRatios } from './ratio.ts';

export interface ModelAgainst {
  readonly against: readonly ModelPeerName[];
  /** how the peers store their weights; default: as ours are */
  readonly peerWeights?: PeerWeights | undefined;
}

/**
 * Log-probabilities of two programs on the same weights: within 1e-3 in f32. Narrow weights are multiplied in
 * other ways (llama.cpp rounds the activations too, to bf16 or to int8), so that they only show that it is the
 * same model: random weights spread log-probabilities by about 0.5.
 */
const allowed: Readonly<Record<PeerWeights, number>> = { f32: 1e-3, f16: 1e-2, bf16: 5e-2, q8_0: 0.15 };
/** Tokens of the prompt whose continuation is compared. */
const comparedTokens = 32;

/** What both sides do, and how much of it a run is. */
export interface ModelWork {
  readonly bench: 'prefill' | 'decode';
  run(side: ModelRunner): Promise<number>;
  /** What is reported per second. */
  work(side: ModelRunner): Readonly<Record<string, number>>;
  /** The same in the unit of the machine's limit. */
  readonly limit: 'GFLOP/s' | 'GB/s';
  amount(side: ModelRunner): number;
}

/** Times ours and every peer in turn, after their log-probabilities agreed. @returns the rows, and the worst check */
export async function compareModels(
  ours: ModelRunner,
  { against, peerWeights: weights }: ModelAgainst,
  request: Omit<ModelRequest, 'weights'>,
  prompt: readonly number[],
  what: ModelWork,
  budget: Budget,
  work: Work,
): Promise<Pick<Benchmark, 'rows' | 'limits'> & { readonly checks: readonly Benchmark['check'][] }> {
  const peers = await loadPeers();
  const theirs = weights ?? (request.ownWeights === 'i8' ? 'q8_0' : request.ownWeights);
  await using open = new AsyncDisposableStack();
  const pairs: { readonly ours: ModelRunner; readonly theirs: ModelPeer }[] = [];
  const checks: Benchmark['check'][] = [];
  for (const name of against) {
    throwIfAborted(work.signal, 'starting peers');
    work.note(`${name}: writing its weights and starting it`);
    const peer = open.use(await peers.openModel(name, { ...request, weights: theirs }));
    pairs.push({ ours: peer.ours ?? ours, theirs: peer });
    const both = [theirs, request.ownWeights === 'i8' ? 'q8_0' : request.ownWeights] as const;
    const atol = Math.max(...both.map((format) => allowed[format]));
    const some = prompt.slice(0, comparedTokens);
    const expected = await peer.logProbs(some);
    const check = {
      ...compare(await (peer.ours ?? ours).logProbs(some), expected, { rtol: 0, atol }),
      against: `log-probabilities of ${peer.what} (${theirs})`,
    };
    requireAgreement(check, what.bench);
    checks.push(check);
  }
  const sides = [...new Set(pairs.flatMap((pair) => [pair.ours, pair.theirs]))];
  const before = await peers.measureLimits(request.threads);
  const timings = await measure(
    sides.map((side) => () => what.run(side)),
    budget,
  );
  const after = await peers.measureLimits(request.threads);
  const limits = most(before, after);
  const rows = new Map<ModelRunner, Row>(
    sides.map((side, i) => [side, { what: side.what, timing: timings[i]!, work: what.work(side) }]),
  );
  return {
    checks,
    limits,
    rows: withRatios(
      sides.map((side) => {
        const own = pairs.find((pair) => pair.theirs === side)?.ours;
        return {
          row: rows.get(side)!,
          manner: side.manner,
          amount: what.amount(side),
          ours: own && rows.get(own),
        };
      }),
      limits,
      what.limit,
    ),
  };
}

type Sizes = Pick<ModelConfig, 'dModel' | 'dInner' | 'dState' | 'dtRank' | 'layers' | 'rows'>;

/** Floating-point operations of so many tokens: products with weights, the head for the last one alone. */
export function flopOf({ dModel, dInner, dState, dtRank, layers, rows }: Sizes, tokens: number): number {
  const perLayer = dInner * (3 * dModel + 2 * dtRank + 2 * dState);
  return 2 * (tokens * layers * perLayer + rows * dModel);
}
