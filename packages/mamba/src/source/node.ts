/** The part of `node:fs/promises` that reading a folder takes. */
export interface NodeFiles {
  open(path: string, flags: 'r'): Promise<NodeFileHandle>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ isDirectory(): boolean; isFile(): boolean }>;
}

export interface NodeFileStat {
  readonly size: number;
  readonly mtimeMs: number;
}

export interface NodeFileHandle {
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  stat(): Promise<NodeFileStat>;
  close(): Promise<void>;
}

interface NodeProcess {
  getBuiltinModule?(id: string): unknown;
}

/** Node's files, or undefined in a browser. Asked for at run time: a static import would stop bundlers. */
export function nodeFiles(): NodeFiles | undefined {
  return builtin<{ promises: NodeFiles }>('node:fs')?.promises;
}

/** The path of a `file:` URL; undefined where there are no files. */
export function pathOf(url: URL): string | undefined {
  return builtin<{ fileURLToPath(url: URL): string }>('node:url')?.fileURLToPath(url);
}

/** A module of Node, or undefined in a browser. */
export function builtin<T>(id: string): T | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.(id) as T | undefined;
}
