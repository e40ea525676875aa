import { decode, encode } from '@ss/core';
import type { DType, Shape, TensorData } from '@ss/core';
import { readState } from '@ss/mamba-block';
import type { LayerState } from '@ss/mamba-block';
import { fingerprintVersion } from '../checkpoint/fingerprint.ts';
import { failure } from '../errors.ts';
import { readHeader } from '../safetensors/header.ts';
import type { SafetensorsHeader, StoredTensor } from '../safetensors/header.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import type { TensorToStore } from '../safetensors/write.ts';
import { blobFile } from '../source/blobs.ts';

const format = 'ss.session';
const version = '1';

/** The saved form: `tokens` i32, and `layers.{i}.{name}` in logical row-major order. */
export async function writeSession(
  fingerprint: string,
  states: readonly LayerState[],
  tokens: readonly number[],
  absorbed: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const tensors: Record<string, TensorToStore> = {
    tokens: { dtype: 'i32', shape: [tokens.length], bytes: encode(tokens, 'i32') },
  };
  const values = await Promise.all(states.map(readState));
  for (const [layer, state] of states.entries()) {
    for (const [name, { dtype, shape }] of Object.entries(state)) {
      tensors[`layers.${layer}.${name}`] = {
        dtype,
        shape,
        bytes: encode(values[layer]![name] as ArrayLike<number>, dtype),
      };
    }
  }
  return writeSafetensors(tensors, { format, version, model: fingerprint, absorbed: String(absorbed) });
}

/** What a saved session holds: its tokens, and values by layer and name. */
export interface SavedSession {
  readonly tokens: readonly number[];
  readonly absorbed: number;
  readonly layers: readonly Readonly<Record<string, TensorData>>[];
}

/**
 * Reads a saved session for the model it was saved from; `states` are new states of that model.
 * @throws SsError `state-invalid`, `state-mismatch`
 */
export async function readSession(
  bytes: Uint8Array,
  fingerprint: string,
  states: readonly LayerState[],
  vocabulary: number,
): Promise<SavedSession> {
  const file = blobFile('The saved state', new Blob([bytes as Uint8Array<ArrayBuffer>]));
  const header = await readHeader(file).catch((cause: unknown) => {
    throw failure('state-invalid', `The saved state cannot be read: ${(cause as Error).message}`, { cause });
  });
  checkMetadata(header, fingerprint);
  const read = (name: string, dtype: DType, shape: Shape | undefined): Promise<Uint8Array> => {
    const { offset, byteLength } = checkTensor(header, name, dtype, shape);
    return file.read(offset, byteLength);
  };
  const tokens = [...decode(await read('tokens', 'i32', undefined), 'i32')];
  const absorbed = Number(header.metadata['absorbed']);
  if (
    !Number.isSafeInteger(absorbed) ||
    absorbed < 0 ||
    absorbed > tokens.length ||
    tokens.some((id) => id < 0 || id >= vocabulary)
  ) {
    throw failure(
      'state-invalid',
      `The saved state has ${tokens.length} tokens and claims that ${header.metadata['absorbed']} are in it.`,
    );
  }
  const layers = await Promise.all(
    states.map(async (state, layer) => {
      const entries = Object.entries(state).map(
        async ([name, { dtype, shape }]) =>
          [name, decode(await read(`layers.${layer}.${name}`, dtype, shape), dtype)] as const,
      );
      return Object.fromEntries(await Promise.all(entries));
    }),
  );
  return { tokens, absorbed, layers };
}

function checkMetadata({ metadata }: SafetensorsHeader, fingerprint: string): void {
  if (metadata['format'] !== format || metadata['version'] !== version) {
    throw failure('state-invalid', `This is not a session saved as ${format} version ${version}.`, {
      details: { metadata },
    });
  }
  const saved = metadata['model'];
  if (saved === fingerprint) return;
  const details = { saved, model: fingerprint };
  const [before, now] = [fingerprintVersion(saved ?? ''), fingerprintVersion(fingerprint)];
  if (before !== now && before !== undefined && now !== undefined) {
    throw failure(
      'state-mismatch',
      `The state names its model by a fingerprint of version ${before}, ${saved}; this model has one of version ${now}, ${fingerprint}, so that nothing tells whether they are the same.`,
      { hint: 'Make the state anew from its text.', details },
    );
  }
  throw failure(
    'state-mismatch',
    `The state was saved from the model ${saved}; this one is ${fingerprint}.`,
    { details },
  );
}

function checkTensor(
  { tensors }: SafetensorsHeader,
  name: string,
  dtype: DType,
  shape: Shape | undefined,
): StoredTensor {
  const stored = tensors.get(name);
  const fits =
    stored?.dtype === dtype &&
    (shape === undefined ? stored.shape.length === 1 : stored.shape.join() === shape.join());
  if (stored === undefined || !fits) {
    const got = stored ? `is ${stored.stored} (${stored.shape.join(', ')})` : 'is missing';
    throw failure(
      'state-invalid',
      `In the saved state ${name} ${got} where ${dtype}${shape ? ` (${shape.join(', ')})` : ''} is wanted.`,
      { details: { tensor: name } },
    );
  }
  return stored;
}
