import { otherPickle } from './pickles.ts';
import type { Random } from './random.ts';
import { torchArchive } from './torch-archive.ts';

export type Files = Record<string, Uint8Array<ArrayBuffer>>;

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const encoder = new TextEncoder();
const [dModel, dInner, dState, dConv, dtRank, vocabulary] = [4, 8, 2, 4, 1, 8];
const shapes: Readonly<Record<string, readonly number[]>> = {
  'backbone.embeddings.weight': [vocabulary, dModel],
  'backbone.norm_f.weight': [dModel],
  'backbone.layers.0.norm.weight': [dModel],
  'backbone.layers.0.mixer.A_log': [dInner, dState],
  'backbone.layers.0.mixer.D': [dInner],
  'backbone.layers.0.mixer.in_proj.weight': [2 * dInner, dModel],
  'backbone.layers.0.mixer.conv1d.weight': [dInner, 1, dConv],
  'backbone.layers.0.mixer.conv1d.bias': [dInner],
  'backbone.layers.0.mixer.x_proj.weight': [dtRank + 2 * dState, dInner],
  'backbone.layers.0.mixer.dt_proj.weight': [dInner, dtRank],
  'backbone.layers.0.mixer.dt_proj.bias': [dInner],
  'backbone.layers.0.mixer.out_proj.weight': [dModel, dInner],
};
const config = {
  model_type: 'mamba',
  hidden_size: dModel,
  intermediate_size: dInner,
  state_size: dState,
  conv_kernel: dConv,
  num_hidden_layers: 1,
  time_step_rank: dtRank,
  vocab_size: vocabulary,
  eos_token_id: 0,
};
const tokenizer = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  post_processor: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: { a: 0, b: 1, c: 2, ab: 3, Ġ: 4, d: 5, e: 6, f: 7 }, merges: ['a b'] },
};

/** The smallest model that loads: one layer, eight ids, a tokenizer. */
export function tinyCheckpoint(): Files {
  const header: Record<string, HeaderEntry> = {};
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const data = new Float32Array(end / 4).map((_, i) => Math.sin(i));
  return {
    'model.safetensors': safetensors(JSON.stringify(header), new Uint8Array(data.buffer)),
    'config.json': bytesOf(JSON.stringify(config)),
    'tokenizer.json': bytesOf(JSON.stringify(tokenizer)),
  };
}

/** The same model in a file of `torch.save`. */
export function tinyTorchCheckpoint(): Files {
  const { 'model.safetensors': _, ...others } = tinyCheckpoint();
  let at = 0;
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).map(() => Math.sin(at++));
    return [name, shape, new Uint8Array(values.buffer)] as const;
  });
  return { 'pytorch_model.bin': torchArchive(tensors), ...others };
}

/** What a file may say instead of what it should. */
const values: readonly unknown[] = [
  0,
  -1,
  1,
  3,
  1e9,
  2 ** 53,
  1.5,
  NaN,
  'Infinity',
  '',
  'mamba2',
  'F16',
  'F999',
  null,
  true,
  [],
  [[]],
  {},
  [0, 4],
  [4, 0],
  [0, 1e18],
  [-4, 4],
  [2 ** 31, 2],
  'x'.repeat(300),
];

/** One to four changes to a checkpoint: bytes, cuts, or what the JSON inside it says. */
export function corrupt(original: Files, random: Random): Files {
  const files: Files = { ...original };
  for (let i = random.int(1, 4); i > 0; i--) {
    const name = random.pick(Object.keys(files));
    if (name === undefined) break;
    const bytes = files[name]!;
    const change = random.int(0, 9);
    if (change === 0 && random.chance(0.2)) delete files[name];
    else if (change === 1) files[name] = bytes.slice(0, random.int(0, bytes.length));
    else if (change === 2) files[name] = concat(bytes, new Uint8Array(random.int(1, 64)));
    else if (change < 6) files[name] = flipped(bytes, random);
    else
      files[name] =
        name === 'model.safetensors'
          ? relabelled(bytes, random)
          : name === 'pytorch_model.bin'
            ? otherPickle(bytes, random)
            : bytesOf(changedJson(bytes, random));
  }
  return files;
}

function flipped(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  for (let i = random.int(1, 8); i > 0 && copy.length > 0; i--) {
    // Most of what matters is in front.
    const at = random.int(0, random.chance(0.7) ? Math.min(200, copy.length - 1) : copy.length - 1);
    copy[at] = random.int(0, 255);
  }
  return copy;
}

/** A safetensors file whose header says something else. */
function relabelled(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  if (bytes.length < 8) return bytes;
  const length = Math.min(Number(new DataView(bytes.buffer).getBigUint64(0, true)), bytes.length - 8);
  return safetensors(changedJson(bytes.slice(8, 8 + length), random), bytes.slice(8 + length));
}

function changedJson(bytes: Uint8Array, random: Random): string {
  const text = new TextDecoder().decode(bytes);
  try {
    const value = JSON.parse(text) as unknown;
    changeInside(value, random);
    return JSON.stringify(value) ?? '';
  } catch {
    return text.replace(/\d+/, String(random.pick(values)));
  }
}

function changeInside(value: unknown, random: Random): void {
  if (typeof value !== 'object' || value === null) return;
  const key = random.pick(Object.keys(value));
  if (key === undefined) return;
  const inner = (value as Record<string, unknown>)[key];
  if (typeof inner === 'object' && inner !== null && random.chance(0.7)) changeInside(inner, random);
  else if (random.chance(0.15)) delete (value as Record<string, unknown>)[key];
  else (value as Record<string, unknown>)[key] = random.pick(values);
}

function safetensors(header: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = bytesOf(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return concat(concat(length, text), data);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
