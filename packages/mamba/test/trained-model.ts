import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A Mamba of 1.5 M parameters, trained on the works of Shakespeare. */
export const trained: string = join(import.meta.dirname, '../../../test/models/tiny-shakespeare');

export interface ExpectedCase {
  readonly prompt: string;
  readonly tokens: readonly number[];
  readonly last_logits: readonly number[];
  readonly greedy_tokens: readonly number[];
  readonly greedy_text: string;
}

/** Text that the model was not trained on: the first 4097 tokens of the last 5 % of them. */
export const validation: string = readFileSync(join(trained, 'validation.txt'), 'utf8');

/** What a float64 evaluation of the stored weights gives. */
export const expected = JSON.parse(readFileSync(join(trained, 'expected.json'), 'utf8')) as {
  readonly cases: readonly ExpectedCase[];
  readonly validation_loss_nats_per_token: number;
};
