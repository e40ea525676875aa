/** Something odd about a checkpoint that was settled without stopping. */
export interface ModelWarning {
  readonly code:
    | 'config-disagrees'
    | 'config-missing'
    | 'tokenizer-missing'
    | 'tokenizer-larger'
    | 'cache-unavailable';
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}
