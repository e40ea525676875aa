import { join } from 'node:path';
import { loadModel } from '@ss/mamba';

// Loads a small trained model, says what it runs on and why, and lets it write.
await using model = await loadModel(join(import.meta.dirname, '../test/models/tiny-shakespeare'));
console.log(`backend: ${model.decision?.summary}\n`);
const prompt = 'ROMEO:\n';
process.stdout.write(prompt);
const generation = model.generate(prompt, { maxTokens: 200, seed: 7 });
for await (const piece of generation) process.stdout.write(piece.text);
const { prefillMilliseconds, decodeTokensPerSecond } = generation.summary!;
console.log(
  `\n\nfirst token after ${prefillMilliseconds.toFixed(0)} ms, then ${decodeTokensPerSecond.toFixed(0)} tokens/s`,
);
