import { SsError } from '@ss/core';
import type { SsErrorOptions } from '@ss/core';

/** Every code this package can raise beside those of core. */
export const mambaErrors = {
  'source-unavailable': 'A model source cannot be opened or read.',
  'source-invalid': 'What was given as a model source is not one.',
  'source-hub': 'A hub id was given, and the package that looks ids up is not installed.',
  'source-denied': 'A hub wants a token, or does not give the model to its owner.',
  'source-changed': 'A file of a model was replaced while it was read.',
  'source-cache': 'The cache of downloaded models cannot be read or written.',
  'source-corrupt': 'A downloaded file is not what the hub says it is.',
  'checkpoint-missing': 'The source has no weights, or lacks one of their files.',
  'checkpoint-pickle': 'A pickled PyTorch file is not a plain dictionary of tensors.',
  'checkpoint-truncated': 'A weights file ends before what its header promises.',
  'checkpoint-invalid': 'A weights file does not keep the safetensors format.',
  'checkpoint-shape': 'A tensor of the checkpoint has a shape that does not fit the others.',
  'checkpoint-dtype': 'A tensor of the checkpoint has a dtype that parameters cannot have.',
  'config-invalid': 'A config file or a config value cannot mean anything.',
  'model-unsupported': 'The checkpoint is of a family that is not supported.',
  'tokenizer-invalid': 'A tokenizer file cannot be understood.',
  'tokenizer-unsupported': 'A tokenizer file has a part that is not read as its makers meant it.',
  'tokenizer-missing': 'Text was given to a model without a tokenizer, or asked of it.',
  'token-invalid': 'A token id is outside the vocabulary.',
  'prompt-empty': 'There is no token to continue from.',
  'generate-option': 'A generation option has a value that cannot mean anything.',
  'numerics-invalid': 'The logits are no distribution: NaN, or infinite.',
  'session-busy': 'A session was used while something else is advancing it.',
  'session-disposed': 'A session was used after it was freed.',
  'session-boundary': 'A session was asked to rewind to where it has never been.',
  'state-invalid': 'Saved state cannot be understood.',
  'state-mismatch': 'A saved state belongs to another model.',
} as const;

export type MambaErrorCode = keyof typeof mambaErrors;

/** An SsError whose code is checked to be one of this package's. */
export function failure<Code extends MambaErrorCode>(
  code: Code,
  message: string,
  options?: SsErrorOptions,
): SsError<Code> {
  return new SsError(code, message, options);
}
