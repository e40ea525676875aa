type Bytes = Uint8Array<ArrayBuffer>;
type NamedFile = readonly [path: string, bytes: Uint8Array];

/** f32 tensors as `torch.save` writes them: a zip archive of storages, and a pickle of what is a view of which. */
export function torchArchive(
  tensors: readonly (readonly [name: string, shape: readonly number[], bytes: Uint8Array])[],
): Bytes {
  const items = tensors.map(([name, shape], key) => [...text(name), ...tensor(key, shape)]);
  const pickle = Uint8Array.from([0x80, 2, 0x7d, 0x28, ...items.flat(), 0x75, 0x2e]);
  const storages = tensors.map(([, , bytes], key): NamedFile => [`archive/data/${key}`, bytes]);
  return zip([['archive/data.pkl', pickle], ...storages]);
}

/** An archive of stored files. */
export function zip(files: readonly NamedFile[]): Bytes {
  const [locals, directory]: [number[], number[]] = [[], []];
  for (const [path, bytes] of files) {
    const name = [...new TextEncoder().encode(path)];
    // Version, flags, method 0 (stored), time and checksum are zeros.
    const common = [...zeros(14), ...u32(bytes.length), ...u32(bytes.length), ...u16(name.length), 0, 0];
    directory.push(...u32(0x02014b50), 0, 0, ...common, ...zeros(10), ...u32(locals.length), ...name);
    locals.push(...u32(0x04034b50), ...common, ...name);
    for (const byte of bytes) locals.push(byte);
  }
  const count = u16(files.length);
  const end = [
    ...u32(0x06054b50),
    ...zeros(4),
    ...count,
    ...count,
    ...u32(directory.length),
    ...u32(locals.length),
  ];
  return Uint8Array.from([...locals, ...directory, ...end, 0, 0]);
}

/** The files of an archive that {@link zip} made, as far as it is whole. */
export function filesOf(archive: Bytes): (readonly [path: string, bytes: Bytes])[] {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const files: (readonly [string, Bytes])[] = [];
  for (let at = 0; at + 30 <= archive.length && view.getUint32(at, true) === 0x04034b50;) {
    const [size, nameLength] = [view.getUint32(at + 18, true), view.getUint16(at + 26, true)];
    const name = at + 30;
    const data = name + nameLength + view.getUint16(at + 28, true);
    const path = new TextDecoder().decode(archive.subarray(name, name + nameLength));
    files.push([path, archive.slice(data, data + size)]);
    at = data + size;
  }
  return files;
}

/** `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())` */
function tensor(key: number, shape: readonly number[]): number[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const size = shape.reduce((a, b) => a * b, 1);
  const storage = tuple(
    text('storage'),
    global('torch', 'FloatStorage'),
    text(String(key)),
    text('cpu'),
    int(size),
  );
  const hooks = [...global('collections', 'OrderedDict'), 0x29, 0x52];
  const args = [
    [...storage, 0x51],
    int(0),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    [0x89],
    hooks,
  ];
  return [...global('torch._utils', '_rebuild_tensor_v2'), ...tuple(...args), 0x52];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [0x58, ...u32(bytes.length), ...bytes];
}

function int(value: number): number[] {
  return [0x4a, ...u32(value)];
}

function tuple(...items: readonly number[][]): number[] {
  return [0x28, ...items.flat(), 0x74];
}

function global(module: string, name: string): number[] {
  return [0x63, ...new TextEncoder().encode(`${module}\n${name}\n`)];
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

function u16(value: number): number[] {
  return [value & 255, (value >>> 8) & 255];
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}
