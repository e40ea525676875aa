/*
 * Loads corrupted checkpoints and, when one still loads, generates a token with it: every try must end in
 * success or in one coded error, with nothing left allocated.
 *
 *   node tools/fuzz/checkpoints.ts [--backend reference] [--count 10000] [--seed 1]
 */
import { createRegistry } from '@ss/core';
import { loadModel } from '@ss/mamba';
import { readFuzzOptions, Tally } from './tally.ts';
import { Random } from './random.ts';
import { corrupt, tinyCheckpoint, tinyTorchCheckpoint } from './tiny-checkpoint.ts';

const { backend, count, firstSeed } = readFuzzOptions('10000');
const engine = await createRegistry().select({ require: backend });
const originals = [tinyCheckpoint(), tinyTorchCheckpoint()];
const tally = new Tally('checkpoints', backend, count, firstSeed);

for (let i = 0; i < count && tally.open; i++) {
  const seed = firstSeed * 1_000_000_007 + i;
  await tally.run(`seed ${seed}`, async () => {
    const files = corrupt(originals[i % originals.length]!, new Random(seed));
    const blobs = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, new Blob([bytes])]));
    await using model = await loadModel(blobs, { engine });
    for await (const _ of model.generate(model.tokenizer ? 'ab' : [1], { maxTokens: 1, temperature: 0 }))
      break;
  });
  const { storages, liveBuffers } = engine.memory();
  if (storages !== 0 || liveBuffers !== 0)
    tally.leak(`seed ${seed}: ${storages} tensors and ${liveBuffers} buffers left`);
}
await engine.dispose();
tally.report();
