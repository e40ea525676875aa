import type { NodeFileHandle, NodeFileStat, NodeFiles } from '../node.ts';

/** The part of `node:fs/promises` that keeping a cache takes. */
export interface Disk extends NodeFiles {
  open(path: string, flags: 'r' | 'a' | 'wx'): Promise<DiskFile>;
  stat(path: string): Promise<NodeFileStat & { isDirectory(): boolean; isFile(): boolean }>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  readFile(path: string, encoding: 'utf8'): Promise<string>;
  writeFile(path: string, data: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: true }): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  copyFile(from: string, to: string): Promise<void>;
  utimes(path: string, accessed: Date, modified: Date): Promise<void>;
}

export interface DiskFile extends NodeFileHandle {
  appendFile(data: Uint8Array): Promise<void>;
}

/** undefined when there is no such file. */
export async function sizeOf(disk: Disk, path: string): Promise<number | undefined> {
  return (await found(disk.stat(path)))?.size;
}

/** undefined in place of the error that something is not there. */
export function found<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
}
