import { failure } from '../errors.ts';
import type { Checkpoint, CheckpointTensor } from './checkpoint.ts';

/**
 * Tensors by the names of the original package without its prefix: `embedding.weight`,
 * `layers.0.mixer.A_log`, `norm_f.weight`, `lm_head.weight`.
 * @throws SsError `checkpoint-invalid` when two tensors have one meaning
 */
export function byMeaning(checkpoint: Checkpoint): ReadonlyMap<string, CheckpointTensor> {
  const result = new Map<string, CheckpointTensor>();
  for (const tensor of checkpoint.values()) {
    const name = canonicalName(tensor.name);
    const other = result.get(name);
    if (other)
      throw failure('checkpoint-invalid', `${other.name} and ${tensor.name} are two names of one tensor.`);
    result.set(name, tensor);
  }
  return result;
}

/** Hugging Face writes `embeddings`; exporters prefix `model.` or `backbone.`. */
export function canonicalName(name: string): string {
  return name.replace(/^(?:(?:model|backbone)\.)+/, '').replace(/^embeddings\./, 'embedding.');
}
