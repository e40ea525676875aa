import { loadModel } from '@ss/mamba';
import type { MambaModel } from '@ss/mamba';
import { chooseEngine } from './choose-engine.ts';
import { showLoading } from './loading.ts';
import type { ModelOptions } from './options.ts';
import type { Work } from './work.ts';

/** Chooses the backend, loads the model onto it, lends it to `body`, and frees both. */
export async function withModel<T>(
  options: ModelOptions,
  work: Work,
  body: (model: MambaModel) => Promise<T>,
): Promise<T> {
  await using engine = await chooseEngine(options, work);
  const { model: source, weights } = options;
  await using model = await loadModel(source, {
    engine,
    weights,
    signal: work.signal,
    onProgress: showLoading(work),
  });
  return await body(model);
}
