import type { MambaConfig } from '@ss/mamba-block';

/** The sizes of a model, as its tensors have them. */
export interface ModelConfig extends MambaConfig {
  readonly layers: number;
  /** Rows of the embedding, padding included: the length of a row of logits. */
  readonly rows: number;
  /** Ids that mean something; those from here on are padding and never drawn. */
  readonly vocabulary: number;
  /** The head is the embedding. */
  readonly tied: boolean;
  /** Ids that end a text. */
  readonly eosIds: readonly number[];
}
