import { describe, expect, test } from 'vitest';
import { failureOf } from '../test/failure.ts';
import { naiveLogits } from '../test/naive-network.ts';
import { registry, subjects } from '../test/subjects.ts';
import { blobs, tinyBlock, tinyConfig, tinyFiles, tinyLayers, tinyTensors } from '../test/tiny-checkpoint.ts';
import { loadModel } from './load-model.ts';

const prompt = [3, 1, 4, 1, 5, 9];
const tensors = tinyTensors({ untied: true });
// As falcon-mamba-7b has it, down to the expand that is wrong.
const config = {
  ...tinyConfig,
  architectures: ['FalconMambaForCausalLM'],
  model_type: 'falcon_mamba',
  expand: 16,
  eos_token_id: 11,
  tie_word_embeddings: false,
};

describe.for(subjects)('Falcon-Mamba on $id', ({ id, missing }) => {
  test.for([
    ['', config, 1e-6],
    ['that says its epsilon', { ...config, mixer_rms_eps: 1e-3 }, 1e-3],
    ['that only its architecture tells', { ...config, model_type: undefined }, 1e-6],
    [
      'that calls itself mamba, but has the epsilon',
      { ...config, architectures: undefined, model_type: 'mamba', mixer_rms_eps: 1e-5 },
      1e-5,
    ],
  ] as const)('%s normalises dt, B and C', async ([, given, selectionNormEps], { skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await loadModel(blobs(tinyFiles(tensors, given)), { backend: id, registry });
    expect(model.config).toMatchObject({ selectionNormEps, dInner: 16, eosIds: [11] });
    expect(model.warnings.map(({ code }) => code)).toEqual(['tokenizer-missing']);
    const wanted = naiveLogits(tensors, { ...tinyBlock, selectionNormEps }, tinyLayers, prompt);
    const actual = await model.logits(prompt);
    // Sums of tens of products near 1 in f32.
    wanted.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
    const without = naiveLogits(tensors, tinyBlock, tinyLayers, prompt);
    expect(Math.max(...without.map((value, i) => Math.abs(value - wanted[i]!)))).toBeGreaterThan(1e-3);
  });

  test('is not what a Mamba-1 config says', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await loadModel(blobs(tinyFiles(tensors)), { backend: id, registry });
    expect(model.config.selectionNormEps).toBeUndefined();
    const wanted = naiveLogits(tensors, tinyBlock, tinyLayers, prompt);
    const actual = await model.logits(prompt);
    wanted.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
  });
});

test.for([0, -1, 'small', null])('an epsilon of %j is refused, unless it is none', async (mixer_rms_eps) => {
  const files = blobs(tinyFiles(tensors, { ...config, mixer_rms_eps }));
  if (mixer_rms_eps === null) {
    await using model = await loadModel(files, { backend: 'reference' });
    expect(model.config.selectionNormEps).toBe(1e-6);
    return;
  }
  const error = await failureOf(loadModel(files, { backend: 'reference' }));
  expect(error).toMatchObject({ code: 'config-invalid' });
  expect(error.message).toContain('mixer_rms_eps');
});
