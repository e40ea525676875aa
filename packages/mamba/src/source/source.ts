/** One file of a source, read piece by piece. */
export interface SourceFile {
  /** For messages, and to find it again. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * @throws SsError `source-unavailable`; `checkpoint-truncated` when the file ends before `offset + length`
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
}
