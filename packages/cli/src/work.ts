/** Options that every command has. */
export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/**
 * One run of one command: what stops it, where it writes, and how it ended. Results go to standard output and
 * everything said about them to standard error, so that a pipe carries results alone.
 */
export class Work implements Disposable {
  readonly #abort = new AbortController();
  readonly #interrupt = (): void => {
    this.interrupted = true;
    this.#abort.abort();
  };
  #options: OutputOptions = {};
  /** Exit status of a command that came to its end. */
  status = 0;
  /** Ctrl-C was pressed. */
  interrupted = false;
  /** Whoever read standard output has gone. */
  unread = false;

  constructor() {
    // Once: a second Ctrl-C ends the process at once, as everywhere.
    process.once('SIGINT', this.#interrupt);
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.unread = true;
      this.#abort.abort();
    });
  }

  /** Aborted by Ctrl-C, and when nobody reads standard output any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get json(): boolean {
    return this.#options.json === true;
  }

  get quiet(): boolean {
    return this.#options.quiet === true;
  }

  /** Called once the options are known. */
  configure(options: OutputOptions): void {
    this.#options = options;
  }

  /** Part of the result, as it comes. Waits while the reader is slow. */
  async write(text: string): Promise<void> {
    if (this.unread || process.stdout.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        process.stdout.off('drain', done).off('close', done).off('error', done);
        resolve();
      };
      process.stdout.on('drain', done).on('close', done).on('error', done);
    });
  }

  /** The whole result: `data` on one line with `--json`, else `text`. */
  async result(data: unknown, text: string): Promise<void> {
    await this.write(`${this.json ? JSON.stringify(data) : text}\n`);
  }

  /** A line about the work, unless `--quiet`. */
  note(line: string): void {
    if (!this.quiet) console.error(line);
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupt);
  }
}
