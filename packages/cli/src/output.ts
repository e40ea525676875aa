/**
 * Standard output or error. It may be a pipe that nobody reads any more, or a file on a full disk: what is thrown then is
 * kept, and nothing more is written.
 */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #onFailure: () => void;
  /** Why it cannot be written; `EPIPE` when whoever read it has gone. */
  failure: NodeJS.ErrnoException | undefined;
  /** Whether anything was written. */
  used = false;

  constructor(stream: NodeJS.WriteStream, onFailure: () => void = () => undefined) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    // Never taken off: a failure may be told after the last write.
    stream.on('error', (error) => this.#fail(error));
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY;
  }

  /** Waits while the reader is slow. */
  async write(text: string): Promise<void> {
    if (this.failure || text === '') return;
    this.used = true;
    const stream = this.#stream;
    try {
      if (stream.write(text)) return;
    } catch (error) {
      // Files are written at once.
      this.#fail(error as NodeJS.ErrnoException);
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stream.off('drain', done).off('close', done).off('error', done);
        resolve();
      };
      stream.on('drain', done).on('close', done).on('error', done);
    });
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.failure) return;
    this.failure = error;
    this.#onFailure();
  }
}
