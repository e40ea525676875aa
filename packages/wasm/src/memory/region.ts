/** A buffer of this backend: a piece of linear memory. */
export interface Region {
  readonly address: number;
  readonly byteLength: number;
  /** The newest submission that may touch these addresses; once it has run, the host may too. */
  lastUse: number;
}
