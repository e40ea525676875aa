import { loadModel } from '@ss/mamba';
import type { LoadModelOptions, MambaModel } from '@ss/mamba';
import { Option } from 'commander';
import type { Command } from 'commander';
import { chooseEngine } from './choose-engine.ts';
import { showLoading } from './loading.ts';
import { backendOptions } from './options.ts';
import type { BackendOptions } from './options.ts';
import type { Work } from './work.ts';

export interface ModelOptions extends BackendOptions {
  readonly model: string;
  readonly weights: NonNullable<LoadModelOptions['weights']>;
}

export function modelOptions(command: Command): Command {
  return backendOptions(command)
    .requiredOption('--model <folder>', 'a checkpoint: config.json, safetensors, tokenizer.json')
    .addOption(weightsOption());
}

export function weightsOption(): Option {
  return new Option('--weights <dtype>', 'how weights are kept in memory')
    .choices(['stored', 'f32', 'bf16', 'f16'])
    .default('stored');
}

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
