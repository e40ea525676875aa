import { Output } from './output.ts';

/** Options that every command has. */
export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** What asks a program to stop, with the number that its exit status has beyond 128. */
const stopSignals = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 } as const;

type StopSignal = keyof typeof stopSignals;

const endingSignals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** The status of a shell command that a signal ended. */
export const statusOfSignal = (signal: StopSignal): number => 128 + stopSignals[signal];

/**
 * One run of one command: what stops it, where it writes, and how it ended. Results go to standard output and
 * everything said about them to standard error, so that a pipe carries results alone.
 */
export class Work implements Disposable {
  readonly #abort = new AbortController();
  readonly #stop = (signal: StopSignal): void => {
    this.stoppedBy = signal;
    this.#abort.abort();
  };
  #options: OutputOptions = {};
  /** Standard output: nothing more is computed once it cannot be written. */
  readonly results: Output = new Output(process.stdout, () => this.#abort.abort());
  /** Standard error: the work goes on without it. */
  readonly notes: Output = new Output(process.stderr);
  /** Exit status of a command that came to its end. */
  status = 0;
  /** Ctrl-C was pressed, or the process was asked to end in another way. */
  stoppedBy: StopSignal | undefined;

  constructor() {
    // Once: a second Ctrl-C ends the process at once, as everywhere.
    for (const signal of endingSignals) process.once(signal, this.#stop);
    // It also comes with every write to a pipe that nobody reads, which the outputs see for themselves; and never taken off,
    // because it then would end the process.
    process.on('SIGPIPE', (signal) => {
      if (!this.results.failure && !this.notes.failure) this.#stop(signal as StopSignal);
    });
  }

  /** Aborted by Ctrl-C, and when standard output cannot be written any more. */
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
    await this.results.write(text);
  }

  /** The whole result: `data` on one line with `--json`, else `text`. */
  async result(data: unknown, text: string): Promise<void> {
    await this.write(`${this.json ? JSON.stringify(data) : text}\n`);
  }

  /** A line about the work, unless `--quiet`. */
  note(line: string): void {
    if (!this.quiet) this.say(line);
  }

  /** A line that `--quiet` does not silence. */
  say(line: string): void {
    void this.notes.write(`${line}\n`);
  }

  [Symbol.dispose](): void {
    for (const signal of endingSignals) process.off(signal, this.#stop);
  }
}
