import { parseArgs } from 'node:util';
import { logProbDifference } from './llama/log-probs.ts';

// Whether log-probabilities of a random model of the 130m shape are those of llama.cpp on the same weights in f32.
//
//     node tools/peers/check-130m.ts [--backend wasm]

const { values } = parseArgs({ options: { backend: { type: 'string', default: 'wasm' } } });
const config = { dModel: 768, layers: 24, vocabulary: 50_280 };
const allowed = 1e-3;
const prompts = [1, 16, 300].map((length) =>
  Array.from({ length }, (_, i) => (i * 7919 + length) % config.vocabulary),
);

const difference = await logProbDifference({ config, weights: 'f32', prompts, backend: values.backend });
console.log(
  `${values.backend}: log-probabilities within ${difference.toExponential(1)} of llama.cpp's (${allowed} allowed)`,
);
if (!(difference <= allowed)) process.exitCode = 1;
