import type { ModelWarning } from '../warning.ts';

/** One file of a source, read piece by piece. */
export interface SourceFile {
  /** For messages, and to find it again. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * All pieces are of one version of the file.
   * @throws SsError `source-unavailable`; `source-changed` when the file is another one than was opened;
   * `checkpoint-truncated` when it ends before `offset + length`; `out-of-memory`
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Where a model comes from: a folder, a list of files, a URL. */
export interface Source extends AsyncDisposable {
  /** For messages. */
  readonly label: string;
  /** undefined when there is no such file. */
  open(name: string, signal?: AbortSignal): Promise<SourceFile | undefined>;
  /** The names of all files, where that can be known. */
  list(): Promise<readonly string[] | undefined>;
  /** Why files that were asked for may not be there, as a sentence, where more than that is known. */
  remark?(): string | undefined;
}

/** Told of what is odd about a source and does not stop the reading. */
export type OnWarning = (warning: ModelWarning) => void;
