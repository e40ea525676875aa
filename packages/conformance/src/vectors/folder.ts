import type { OpName } from '@ss/core';
import type { Values } from '../values.ts';
import { parseSafetensors } from './safetensors.ts';

/** A case of `index.json`: its op, its id, and what its op's reader wants to know. */
export interface VectorEntry {
  readonly op: string;
  readonly id: string;
  readonly [option: string]: unknown;
}

/** A folder of test vectors as `vectors/README.md` describes it. */
export interface VectorFolder {
  /** Every case of the index. */
  index(): Promise<readonly VectorEntry[]>;
  /** The tensors of one case, by their names within it (`in.u`, `out.y`, `grad.u`). */
  tensors(entry: VectorEntry): Promise<ReadonlyMap<string, Values>>;
}

type Read = (file: string) => Promise<Uint8Array>;

/** The vectors that come with this package. */
const own = new URL('../../vectors/', import.meta.url);

/** Opens a folder by its path or file URL (Node, Bun, Deno), or by its address (everywhere). */
export function openVectors(folder: string | URL = own): VectorFolder {
  const read = readerOf(folder);
  let index: Promise<readonly VectorEntry[]> | undefined;
  const files = new Map<string, Promise<Map<string, Map<string, Values>>>>();
  return {
    index: () => (index ??= readIndex(read)),
    async tensors({ op, id }) {
      if (!files.has(op)) files.set(op, readCases(read, fileOf(op)));
      const tensors = (await files.get(op)!).get(id);
      if (tensors === undefined) throw new Error(`${fileOf(op)} has no tensors of ${id}.`);
      return tensors;
    },
  };
}

/** `selectiveScan` is in `selective-scan.safetensors`. */
function fileOf(op: OpName | string): string {
  return `${op.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.safetensors`;
}

async function readIndex(read: Read): Promise<readonly VectorEntry[]> {
  let entries: unknown;
  try {
    entries = JSON.parse(new TextDecoder().decode(await read('index.json')));
  } catch (cause) {
    throw new Error(`index.json of the vectors cannot be read: ${(cause as Error).message}`, { cause });
  }
  const wellFormed = (entry: unknown): boolean =>
    typeof entry === 'object' && entry !== null && 'op' in entry && 'id' in entry;
  if (!Array.isArray(entries) || !entries.every(wellFormed)) {
    throw new Error('index.json of the vectors must be a list of cases, each with an op and an id.');
  }
  return entries as VectorEntry[];
}

async function readCases(read: Read, file: string): Promise<Map<string, Map<string, Values>>> {
  const cases = new Map<string, Map<string, Values>>();
  for (const [key, tensor] of parseSafetensors(await read(file), file)) {
    const [id, name] = key.split('/') as [string, string];
    if (!cases.has(id)) cases.set(id, new Map());
    cases.get(id)!.set(name, tensor);
  }
  return cases;
}

interface NodeFiles {
  readFile(path: string | URL): Promise<Uint8Array>;
}

function readerOf(folder: string | URL): Read {
  const text = String(folder);
  const base = text.endsWith('/') ? text : `${text}/`;
  if (/^(https?|blob|data):/.test(base)) return (file) => download(new URL(file, base));
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
  const files = process?.getBuiltinModule?.('node:fs/promises') as NodeFiles | undefined;
  if (files === undefined) return (file) => download(new URL(file, new URL(base, globalThis.location?.href)));
  // A plain Uint8Array: the slices of Node's Buffer are not copies.
  return async (file) => new Uint8Array(await files.readFile(base.startsWith('file:') ? new URL(file, base) : base + file));
}

async function download(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}
