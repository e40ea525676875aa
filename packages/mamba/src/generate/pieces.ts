/** What is drawn, as it is drawn, and in the end how it went. */
export class Pieces<Piece, Summary> implements AsyncIterableIterator<Piece, undefined, undefined> {
  readonly #pieces: AsyncGenerator<Piece, undefined, undefined>;
  #summary: Summary | undefined;

  /** @internal */
  constructor(run: (report: (summary: Summary) => void) => AsyncGenerator<Piece, undefined, undefined>) {
    this.#pieces = run((summary) => void (this.#summary = summary));
  }

  /** How it went, once it has ended in whatever way. */
  get summary(): Summary | undefined {
    return this.#summary;
  }

  next(): Promise<IteratorResult<Piece, undefined>> {
    return this.#pieces.next();
  }

  return(): Promise<IteratorResult<Piece, undefined>> {
    return this.#pieces.return(undefined);
  }

  throw(error: unknown): Promise<IteratorResult<Piece, undefined>> {
    return this.#pieces.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
