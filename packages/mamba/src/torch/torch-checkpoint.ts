import { dtypes, SsError, elementCount, elementSpan } from '@ss/core';
import type { DType, Layout } from '@ss/core';
import { recognise } from '../source/recognise.ts';
import { unpickle } from './unpickle.ts';
import type { PickleValue } from './unpickle.ts';
import { readZipDirectory } from './zip-directory.ts';
import type { RandomAccess, ZipEntry } from './zip-directory.ts';

/** A tensor of a checkpoint: a view of one storage file of the archive. */
export interface TorchTensor extends Layout {
  readonly name: string;
  readonly dtype: DType;
  /** Bytes of the archive that hold the storage. */
  readonly storage: ZipEntry;
}

const storageDTypes: Readonly<Record<string, DType>> = {
  'torch.DoubleStorage': 'f64',
  'torch.FloatStorage': 'f32',
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.LongStorage': 'i64',
  'torch.IntStorage': 'i32',
  'torch.CharStorage': 'i8',
  'torch.ByteStorage': 'u8',
};
/** The description of a few thousand tensors is some hundred kilobytes. */
const maxPickleBytes = 16 * 2 ** 20;
/** As PyTorch has it. */
const maxRank = 64;
/** Tensors may share storages, such as a head that is the embedding; together they may be so many times the file. */
const maxSharing = 4;

/**
 * The tensors of a `pytorch_model.bin`: a zip archive with a pickle that describes views of storages.
 * Only the description is read; storages are read by whoever wants the tensor.
 * @throws SsError `checkpoint-pickle`, `checkpoint-truncated`
 */
export async function readTorchCheckpoint(file: RandomAccess): Promise<readonly TorchTensor[]> {
  const other = await recognise(file, 'torch');
  if (other) throw broken(file, `it ${other.what}`, other.hint);
  const entries = await readZipDirectory(file);
  const pickle = [...entries.values()].find(({ path }) => path.endsWith('/data.pkl') || path === 'data.pkl');
  if (pickle === undefined) throw withoutPickle(entries, file);
  if (pickle.size > maxPickleBytes) throw broken(file, `its data.pkl has ${pickle.size} bytes`);
  const prefix = pickle.path.slice(0, -'data.pkl'.length);
  const byteorder = entries.get(`${prefix}byteorder`);
  if (byteorder && byteorder.size <= 16) {
    const order = new TextDecoder().decode(await file.read(byteorder.offset, byteorder.size));
    if (order !== 'little') throw broken(file, `its byte order is ${order}`);
  }
  const root = await unpickle(await file.read(pickle.offset, pickle.size), file.name);
  const tensors: TorchTensor[] = [];
  let bytes = 0;
  for (const [name, value] of stateDict(root, file)) {
    if (typeof name !== 'string') throw broken(file, 'it has a name that is no text');
    const tensor = describe(name, value, prefix, entries, file);
    bytes += elementCount(tensor.shape) * dtypes[tensor.dtype].bytes;
    if (bytes > maxSharing * file.size)
      throw broken(file, `its tensors would take more than ${maxSharing} times its ${file.size} bytes`);
    tensors.push(tensor);
  }
  return tensors;
}

/** The dictionary of tensors itself, or under the key a trainer put it. */
function stateDict(root: PickleValue, file: RandomAccess): Map<PickleValue, PickleValue> {
  const inner = root instanceof Map ? (root.get('state_dict') ?? root.get('model') ?? root) : root;
  if (!(inner instanceof Map)) throw broken(file, 'it holds no dictionary of tensors');
  return inner;
}

/** What other archive it may be. */
function withoutPickle(entries: ReadonlyMap<string, ZipEntry>, file: RandomAccess): SsError {
  const isNumpy = [...entries.keys()].some((path) => path.endsWith('.npy'));
  const why = isNumpy ? 'it is an archive of NumPy arrays (.npz)' : 'it is an archive without data.pkl';
  return broken(file, why, 'Convert it to safetensors with the program it came from.');
}

function describe(
  name: string,
  value: PickleValue,
  prefix: string,
  entries: ReadonlyMap<string, ZipEntry>,
  file: RandomAccess,
): TorchTensor {
  const call = rebuilt(value);
  if (call === undefined) throw broken(file, `${name} is not a tensor`);
  const [source, offset, shape, strides] = call;
  const persistent =
    typeof source === 'object' && source !== null && 'persistent' in source ? source.persistent : undefined;
  if (!Array.isArray(persistent) || persistent[0] !== 'storage') throw broken(file, `${name} has no storage`);
  const [, storageClass, key] = persistent;
  const className =
    typeof storageClass === 'object' && storageClass !== null && 'global' in storageClass
      ? storageClass.global
      : '';
  const dtype = storageDTypes[className];
  if (dtype === undefined)
    throw new SsError(
      'checkpoint-dtype',
      `${file.name}: ${name} is stored as ${className || 'an unknown class'}, which is not supported.`,
    );
  // Never the text of anything else: that of lists in lists may be longer than memory.
  if (typeof key !== 'string' && typeof key !== 'number') throw broken(file, `${name} has no storage`);
  const storage = entries.get(`${prefix}data/${key}`);
  if (storage === undefined)
    throw new SsError(
      'checkpoint-truncated',
      `${file.name}: the storage ${key} of ${name} is not in the archive.`,
    );
  if (!isIndex(offset) || !areIndices(shape) || !areIndices(strides) || shape.length !== strides.length)
    throw broken(file, `${name} has no usable shape`);
  const layout = { shape, strides, offset };
  const capacity = Math.floor(storage.size / dtypes[dtype].bytes);
  if (!Number.isSafeInteger(elementCount(shape)) || elementSpan(layout).end > capacity) {
    throw new SsError(
      'checkpoint-truncated',
      `${file.name}: ${name} of shape (${shape.join(', ')}) reaches outside its storage of ${capacity} elements.`,
    );
  }
  if (elementCount(shape) > capacity)
    throw broken(
      file,
      `${name} of shape (${shape.join(', ')}) repeats the elements of its storage of ${capacity}`,
    );
  return { name, dtype, storage, ...layout };
}

/** (storage, offset, shape, strides) of a tensor, or of the tensor that is a parameter. */
function rebuilt(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  const tensor = callOf(value, 'torch._utils._rebuild_parameter')?.[0] ?? value;
  return callOf(tensor, 'torch._utils._rebuild_tensor_v2');
}

function callOf(value: PickleValue | undefined, name: string): readonly PickleValue[] | undefined {
  if (typeof value !== 'object' || value === null || !('call' in value)) return undefined;
  return value.call === name ? value.args : undefined;
}

function isIndex(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function areIndices(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= maxRank && value.every(isIndex);
}

function broken(file: RandomAccess, why: string, hint?: string): SsError {
  const options = hint === undefined ? {} : { hint };
  return new SsError('checkpoint-pickle', `${file.name} is not a checkpoint of torch.save: ${why}.`, options);
}
