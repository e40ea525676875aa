import { SsError } from '@ss/core';

/** Random access to a checkpoint file. */
export interface RandomAccess {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** One stored file of a zip archive. */
export interface ZipEntry {
  readonly path: string;
  /** Where its bytes start and how many they are; stored means they are there as they are. */
  readonly offset: number;
  readonly size: number;
}

const endRecord = 0x06054b50;
const zip64Locator = 0x07064b50;
const zip64Record = 0x06064b50;
const centralRecord = 0x02014b50;
const localRecord = 0x04034b50;
/** A directory is names and numbers; one of hundreds of megabytes is an attack, not a checkpoint. */
const largestDirectory = 64 * 2 ** 20;
/** One for each tensor, and a few more. */
const maxEntries = 100_000;

/**
 * The files of a zip archive as `torch.save` writes them: stored, never compressed. A compressed entry is
 * refused, so nothing here can unpack to more than the file holds.
 * @throws SsError `checkpoint-truncated`, `checkpoint-pickle`
 */
export async function readZipDirectory(file: RandomAccess): Promise<ReadonlyMap<string, ZipEntry>> {
  const directory = await locateDirectory(file);
  const bytes = await file.read(directory.offset, directory.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<string, ZipEntry>();
  const spans: { start: number; end: number; path: string }[] = [];
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== centralRecord)
      throw broken(file, `its directory ends after ${i} of ${directory.count} entries`);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) throw broken(file, 'an entry of its directory reaches outside it');
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (view.getUint16(at + 8, true) & 1) throw broken(file, `${path} is encrypted`);
    const sizes = wideFields(view, at, at + 46 + nameLength, extraLength);
    if (view.getUint16(at + 10, true) !== 0 || sizes.packed !== sizes.size)
      throw broken(file, `${path} is compressed, which torch.save never does`);
    if (entries.has(path)) throw broken(file, `${path} is there twice`);
    const offset = await dataOffset(file, path, sizes.header);
    if (offset + sizes.size > directory.offset) throw broken(file, `${path} reaches into the directory`);
    entries.set(path, { path, offset, size: sizes.size });
    spans.push({ start: sizes.header, end: offset + sizes.size, path });
    at = next;
  }
  spans.sort((a, b) => a.start - b.start);
  for (let i = 1; i < spans.length; i++) {
    if (spans[i]!.start < spans[i - 1]!.end)
      throw broken(file, `${spans[i - 1]!.path} and ${spans[i]!.path} overlap`);
  }
  return entries;
}

async function locateDirectory(file: RandomAccess): Promise<{ offset: number; size: number; count: number }> {
  const tailLength = Math.min(file.size, 22 + 0xffff);
  const tail = await file.read(file.size - tailLength, tailLength);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  let at = tailLength - 22;
  while (at >= 0 && view.getUint32(at, true) !== endRecord) at--;
  if (at < 0)
    throw new SsError(
      'checkpoint-truncated',
      `${file.name} is not a whole zip archive: it has no end record.`,
      { hint: 'Download it again.' },
    );
  let found = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  if (found.count === 0xffff || found.size === 0xffffffff || found.offset === 0xffffffff)
    found = await locateWide(file, file.size - tailLength + at);
  if (found.size > largestDirectory) throw broken(file, `its directory claims ${found.size} bytes`);
  if (found.count > maxEntries) throw broken(file, `its directory claims ${found.count} entries`);
  if (found.offset + found.size > file.size) throw broken(file, 'its directory lies outside the file');
  return found;
}

async function locateWide(
  file: RandomAccess,
  end: number,
): Promise<{ offset: number; size: number; count: number }> {
  if (end < 20) throw broken(file, 'it lacks the zip64 locator');
  const locator = dataView(await file.read(end - 20, 20));
  if (locator.getUint32(0, true) !== zip64Locator) throw broken(file, 'it lacks the zip64 locator');
  const at = wide(file, locator, 8);
  if (at + 56 > file.size) throw broken(file, 'its zip64 record lies outside the file');
  const record = dataView(await file.read(at, 56));
  if (record.getUint32(0, true) !== zip64Record) throw broken(file, 'its zip64 record is not one');
  return { count: wide(file, record, 32), size: wide(file, record, 40), offset: wide(file, record, 48) };
}

/** Sizes and offset of an entry; those that do not fit 32 bits are in its zip64 extra field, in this order. */
function wideFields(
  view: DataView,
  at: number,
  extra: number,
  extraLength: number,
): { size: number; packed: number; header: number } {
  const fields = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    header: view.getUint32(at + 42, true),
  };
  for (let field = extra; field + 4 <= extra + extraLength;) {
    const length = view.getUint16(field + 2, true);
    const end = field + 4 + length;
    if (view.getUint16(field, true) === 1 && end <= extra + extraLength) {
      let value = field + 4;
      for (const name of ['size', 'packed', 'header'] as const) {
        if (fields[name] !== 0xffffffff || value + 8 > end) continue;
        fields[name] = Number(view.getBigUint64(value, true));
        value += 8;
      }
    }
    field = end;
  }
  return fields;
}

/** The local header repeats the name and has extra bytes of its own (torch.save aligns data with them). */
async function dataOffset(file: RandomAccess, path: string, header: number): Promise<number> {
  if (header + 30 > file.size) throw broken(file, `${path} lies outside the file`);
  const view = dataView(await file.read(header, 30));
  if (view.getUint32(0, true) !== localRecord) throw broken(file, `${path} has no local header`);
  return header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
}

function wide(file: RandomAccess, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw broken(file, `it claims an offset of ${value}`);
  return Number(value);
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(file: RandomAccess, why: string): SsError {
  return new SsError('checkpoint-pickle', `${file.name} is not a checkpoint of torch.save: ${why}.`);
}
