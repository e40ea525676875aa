import { denseStrides, elementCount } from '@ss/core';
import type { DType, Shape } from '@ss/core';
import type { TensorToStore } from '../src/safetensors/write.ts';
import { pickleOps, u16, u32 } from './pickle.ts';

const { call, dictionary, global, int, text, tuple, whole } = pickleOps;

const storageClasses: Partial<Readonly<Record<DType, string>>> = {
  f64: 'DoubleStorage',
  f32: 'FloatStorage',
  f16: 'HalfStorage',
  bf16: 'BFloat16Storage',
};

/**
 * A dictionary of tensors as `torch.save` writes it: an uncompressed zip archive of storages and a pickle of
 * their views. Tensors that are one object share one storage.
 */
export function torchArchive(tensors: Readonly<Record<string, TensorToStore>>): Uint8Array<ArrayBuffer> {
  const storages = [...new Set(Object.values(tensors))];
  const items = Object.entries(tensors).map(([name, tensor]) => [
    text(name),
    rebuilt(tensor.dtype, storages.indexOf(tensor), tensor.shape),
  ]);
  return zip([
    ['archive/data.pkl', whole(dictionary(...items.flat()))],
    ...storages.map(({ bytes }, key) => [`archive/data/${key}`, bytes] as const),
  ]);
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())` */
export function rebuilt(
  dtype: DType,
  key: number,
  shape: Shape,
  strides: Shape = denseStrides(shape),
): number[] {
  const storage = tuple(
    text('storage'),
    global('torch', storageClasses[dtype]!),
    text(String(key)),
    text('cpu'),
    int(elementCount(shape)),
  );
  const integers = (values: readonly number[]): number[] => tuple(...values.map(int));
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    [...storage, 0x51],
    int(0),
    integers(shape),
    integers(strides),
    [0x89],
    [...global('collections', 'OrderedDict'), 0x29, 0x52],
  );
}

/** An archive of stored files. */
export function zip(files: readonly (readonly [string, Uint8Array])[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: number[] = [];
  let at = 0;
  for (const [path, bytes] of files) {
    const name = new TextEncoder().encode(path);
    const sizes = [...u32(bytes.length), ...u32(bytes.length), ...u16(name.length), ...u16(0)];
    // Versions, flags, method 0 (stored), time and checksum are zeros.
    const common = [...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(0), ...sizes];
    directory.push(
      ...u32(0x02014b50),
      ...u16(0),
      ...common,
      ...u16(0),
      ...u16(0),
      ...u16(0),
      ...u32(0),
      ...u32(at),
      ...name,
    );
    const local = Uint8Array.from([...u32(0x04034b50), ...common, ...name]);
    parts.push(local, bytes);
    at += local.length + bytes.length;
  }
  const count = [...u16(files.length), ...u16(files.length)];
  const end = [
    ...u32(0x06054b50),
    ...u16(0),
    ...u16(0),
    ...count,
    ...u32(directory.length),
    ...u32(at),
    ...u16(0),
  ];
  parts.push(Uint8Array.from([...directory, ...end]));
  const archive = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const part of parts) {
    archive.set(part, to);
    to += part.length;
  }
  return archive;
}
