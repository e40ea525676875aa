import { elementCount } from '@ss/core';
import type { DType, Shape, SsError } from '@ss/core';
import { failure } from '../errors.ts';
import { duplicateKey, overBudget } from '../json-text.ts';
import { recognise } from '../source/recognise.ts';
import type { SourceFile } from '../source/source.ts';
import { storedDTypes } from './dtypes.ts';

/** Where one tensor lies in its file. */
export interface StoredTensor {
  readonly name: string;
  /** As the format names it: `BF16`. */
  readonly stored: string;
  /** undefined for dtypes that no op knows. */
  readonly dtype: DType | undefined;
  readonly shape: Shape;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit on its header. */
const largestHeader = 100_000_000;
const lengthBytes = 8;
/** A hundred thousand tensors of the depth that the format has. */
const budget = { depth: 8, values: 2_000_000 };

/**
 * The header of a safetensors file, every promise of it checked against the file: the data begins where the
 * header ends, tensors lie end to end without gap or overlap, and the last one ends the file.
 * @throws SsError `checkpoint-truncated`, `checkpoint-invalid` naming the tensor
 */
export async function readHeader(file: SourceFile, signal?: AbortSignal): Promise<SafetensorsHeader> {
  const other = await recognise(file, 'safetensors', signal);
  if (other) throw invalid(file, `is no safetensors file: it ${other.what}`, { hint: other.hint });
  if (file.size < lengthBytes) throw short(file, `has ${file.size} bytes, too few for a header`);
  const prefix = await file.read(0, lengthBytes, signal);
  const claimed = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (claimed > BigInt(largestHeader)) throw invalid(file, `claims a header of ${claimed} bytes`);
  const length = Number(claimed);
  const dataStart = lengthBytes + length;
  if (dataStart > file.size)
    throw short(file, `claims a header of ${length} bytes and has ${file.size} bytes`);
  const header = parseObject(file, await file.read(lengthBytes, length, signal));
  const metadata = checkMetadata(file, header['__metadata__']);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => checkTensor(file, name, entry, dataStart));
  checkCoverage(file, tensors, dataStart);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

function parseObject(file: SourceFile, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const over = overBudget(text, budget);
    if (over !== undefined) throw invalid(file, `has a header that ${over}`);
    value = JSON.parse(text);
    const twice = duplicateKey(text);
    if (twice !== undefined) throw invalid(file, `names ${twice} twice`);
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError)
      throw invalid(file, 'has a header that is not JSON', { cause });
    throw cause;
  }
  if (!isObject(value)) throw invalid(file, 'has a header that is not an object');
  return value;
}

function checkMetadata(file: SourceFile, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || !Object.values(value).every((item) => typeof item === 'string')) {
    throw invalid(file, 'has metadata that is not a dictionary of strings');
  }
  return value as Record<string, string>;
}

function checkTensor(file: SourceFile, name: string, entry: unknown, dataStart: number): StoredTensor {
  if (!isObject(entry)) throw invalid(file, `has an entry ${name} that is not an object`);
  const { dtype: stored, shape, data_offsets: offsets } = entry;
  if (typeof stored !== 'string' || !Object.hasOwn(storedDTypes, stored)) {
    throw invalid(file, `stores ${name} in the unknown dtype ${JSON.stringify(stored)}`);
  }
  if (!areIndices(shape)) throw invalid(file, `gives ${name} the shape ${JSON.stringify(shape)}`);
  if (!areIndices(offsets) || offsets.length !== 2)
    throw invalid(file, `gives ${name} the offsets ${JSON.stringify(offsets)}`);
  const [begin, end] = offsets as [number, number];
  const { bytes, dtype } = storedDTypes[stored]!;
  const needed = elementCount(shape) * bytes;
  if (!Number.isSafeInteger(needed))
    throw invalid(file, `gives ${name} the shape (${shape.join(', ')}), more than any memory holds`);
  if (end - begin !== needed) {
    throw invalid(
      file,
      `gives ${name} ${end - begin} bytes where ${stored} (${shape.join(', ')}) takes ${needed}`,
    );
  }
  if (dataStart + end > file.size)
    throw short(file, `ends at byte ${file.size}, inside ${name}, which ends at ${dataStart + end}`, name);
  return { name, stored, dtype, shape, offset: dataStart + begin, byteLength: needed };
}

function checkCoverage(file: SourceFile, tensors: readonly StoredTensor[], dataStart: number): void {
  let at = dataStart;
  let previous = 'the header';
  for (const { name, offset, byteLength } of tensors.toSorted(
    (a, b) => a.offset - b.offset || a.byteLength - b.byteLength,
  )) {
    if (offset < at) throw invalid(file, `has ${name} overlapping ${previous}`);
    if (offset > at) throw invalid(file, `has ${offset - at} bytes before ${name} that belong to nothing`);
    at = offset + byteLength;
    previous = name;
  }
  if (at !== file.size) throw invalid(file, `has ${file.size - at} bytes after its last tensor`);
}

function areIndices(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function short(file: SourceFile, why: string, tensor?: string): SsError {
  return failure('checkpoint-truncated', `${file.name} ${why}.`, {
    hint: 'Download it again.',
    details: { file: file.name, size: file.size, ...(tensor !== undefined && { tensor }) },
  });
}

function invalid(file: SourceFile, why: string, options: { cause?: unknown; hint?: string } = {}): SsError {
  return failure('checkpoint-invalid', `${file.name} ${why}.`, { ...options, details: { file: file.name } });
}
