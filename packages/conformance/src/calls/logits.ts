import type { FloatDType } from '@ss/core';
import type { Random } from '../random.ts';
import { fill } from '../values.ts';
import type { Values } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';

export interface LogitsSpec {
  readonly dtype?: FloatDType;
  readonly R?: number;
  readonly V?: number;
  readonly vocabulary?: number | undefined;
}

/** Distinct logits in a random order, far enough apart that no storage dtype confuses their order. */
export function distinctLogits({ dtype = 'f32', R = 2, V = 11 }: LogitsSpec, random: Random): Values {
  const rows = Array.from({ length: R }, () => shuffled(V, random));
  // Multiples of 1/8 up to 16 in both directions are exact in bf16; larger vocabularies repeat them.
  return fill([R, V], dtype, (i) => ((rows[Math.floor(i / V)]![i % V]! % 256) - 128) / 8);
}

export function crossEntropyCall(spec: LogitsSpec & { readonly ignore?: boolean }, random: Random): Call {
  const { dtype = 'f32', R = 2, V = 11 } = spec;
  return makeCall('crossEntropy', {
    logits: fill([R, V], dtype, () => 3 * random.normal()),
    targets: fill([R], 'i32', (r) => (spec.ignore && r % 2 === 1 ? -1 : random.below(V))),
  });
}

export function argmaxCall(spec: LogitsSpec, random: Random): Call {
  return makeCall('argmax', { logits: distinctLogits(spec, random) }, { vocabulary: spec.vocabulary });
}

export interface SampleSpec extends LogitsSpec {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly penalty?: number | undefined;
  readonly recent?: boolean;
}

/** Few distinct logits: what is drawn does not hang on the last bit of a sum. */
export function sampleCall(spec: SampleSpec, random: Random): Call {
  const { R = 2, V = 11, temperature, topK, topP, minP } = spec;
  return makeCall(
    'sample',
    {
      logits: distinctLogits(spec, random),
      uniform: fill([R], 'f32', () => random.uniform(0, 0.999)),
      recentIds: spec.recent && fill([R, 3], 'i32', (i) => (i % 3 === 2 ? -1 : random.below(V))),
    },
    { temperature, topK, topP, minP, repetitionPenalty: spec.penalty, vocabulary: spec.vocabulary },
  );
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
