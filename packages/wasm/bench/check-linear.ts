import { argWords } from '../src/kernels/args.ts';
import { linearArgs, PACK_NOT_FINITE, packArgs, PANEL } from '../src/kernels/layout.generated.ts';
import { embeddedKernels, withoutSharedMemory } from '../src/kernels/module.ts';
import type { Variant } from '../src/kernels/module.ts';
import { BenchHost, check } from './host.ts';
import { generator } from './random.ts';

/*
 * What must hold for `linear` whatever its speed: values as float64 has them, not a byte written beside y, the
 * same bits for a row alone and among others, and for every way to divide the units.
 */

export const types = { f32: 0, f16: 1, bf16: 2 } as const;
export type FloatType = keyof typeof types;

/** What a weight may be packed as, by its code. */
export const weightTypes = { ...types, i8: 7 } as const;
export type WeightType = keyof typeof weightTypes;

/** Bytes of a packed weight (M, K); `assembly/panel.ts`. */
export function packedBytes(type: WeightType, M: number, K: number): number {
  return Math.ceil(M / PANEL) * PANEL * (type === 'i8' ? K + 4 : K * bytesOf(type));
}

/** A weight (M, K) as i8 panels hold it: q * scale, in float64. */
export function quantized(
  values: ArrayLike<number>,
  M: number,
  K: number,
  at: (m: number, k: number) => number,
): Float64Array {
  const result = new Float64Array(values.length);
  for (let m = 0; m < M; m++) {
    let largest = 0;
    for (let k = 0; k < K; k++) largest = Math.max(largest, Math.abs(values[at(m, k)]!));
    const scale = Math.fround(largest / 127);
    for (let k = 0; k < K; k++) {
      const q = scale === 0 ? 0 : toNearestEven(Math.fround(values[at(m, k)]! / scale));
      result[at(m, k)] = q * scale;
    }
  }
  return result;
}

function toNearestEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor > 0.5 || (x - floor === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

export function bytesOf(type: FloatType): number {
  return type === 'f32' ? 4 : 2;
}

type Linear = (args: number, begin: number, end: number, scratch: number) => number;

interface Shape {
  readonly R: number;
  readonly K: number;
  readonly M: number;
}

const guard = 0x5a;

export async function checkLinear(variant: Variant): Promise<number> {
  let cases = 0;
  const shapes: Shape[] = [
    { R: 1, K: 1, M: 1 },
    { R: 1, K: 33, M: 71 },
    { R: 2, K: 5, M: 8 },
    { R: 4, K: 97, M: 9 },
    { R: 5, K: 384, M: 17 },
    { R: 6, K: 385, M: 31 },
    { R: 7, K: 769, M: 24 },
    { R: 13, K: 40, M: 65 },
    { R: 31, K: 11, M: 3 },
    { R: 3, K: 3100, M: 10 },
  ];
  for (const shape of shapes) {
    for (const weightType of Object.keys(weightTypes) as WeightType[]) {
      for (const dtype of Object.keys(types) as FloatType[]) {
        for (const packed of weightType === 'i8' ? [true] : [true, false]) {
          for (const plain of [true, false]) {
            await checkCase(variant, shape, weightType, dtype, packed, plain);
            cases++;
          }
        }
      }
    }
  }
  for (const type of ['f16', 'bf16'] as const)
    for (const R of [1, 2, 13])
      for (const packed of [true, false]) {
        await checkPatterns(variant, type, R, packed);
        cases++;
      }
  return cases;
}

/** Every bit pattern as a weight, K = 1 and x = 1: widened exactly, subnormals and infinities included. */
async function checkPatterns(
  variant: Variant,
  type: 'f16' | 'bf16',
  R: number,
  packed: boolean,
): Promise<void> {
  const label = `linear ${variant} every ${type} ${packed ? 'packed ' : ''}R ${R}`;
  const host = await BenchHost.open(variant);
  const exponent = type === 'f16' ? 0x7c00 : 0x7f80;
  // f16 panels hold finite numbers; pack says so, see below.
  const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
    (bits) => !packed || type === 'bf16' || (bits & exponent) !== exponent,
  );
  const M = patterns.length;
  const panels = Math.ceil(M / PANEL);
  const put = (bits: Uint16Array): number => {
    const at = host.alloc(bits.byteLength);
    new Uint16Array(host.memory.buffer, at, bits.length).set(bits);
    return at;
  };
  const weight = put(patterns);
  const pack = (from: number, count: number, to: number, packedType: number = types[type]): (() => void) =>
    host.call(
      'pack',
      packArgs,
      {
        M: count,
        K: 1,
        weight: from,
        weightM: 2,
        weightK: 2,
        weightType: types[type],
        packed: to,
        packedType,
      },
      Math.ceil(count / PANEL),
      PANEL * 4,
    );
  const panel = host.alloc(panels * PANEL * 2);
  if (packed) pack(weight, M, panel)();
  const x = host.make(R, () => 1);
  const y = host.alloc(R * M * 4);
  host.call(
    'linear',
    linearArgs,
    {
      R,
      K: 1,
      M,
      rowBlock: 6,
      dtype: 0,
      x,
      xR: 4,
      xK: 4,
      weightType: types[type],
      packed: packed ? 1 : 0,
      weight: packed ? panel : weight,
      weightM: 2,
      weightK: 2,
      bias: 0,
      biasM: 0,
      biasType: 0,
      residual: 0,
      residualR: 0,
      residualM: 0,
      y,
      yR: M * 4,
    },
    Math.ceil(R / 6) * panels,
    4 * (6 + PANEL + 256),
  )();
  const expected = decode(new Uint8Array(patterns.slice().buffer), type);
  for (const [i, value] of host.floats(y, R * M).entries()) {
    const right = expected[i % M]!;
    if (value !== right && !(Number.isNaN(value) && Number.isNaN(right)))
      throw new Error(`${label}: ${value} for ${right}`);
  }
  if (type === 'bf16') return;
  for (const bits of [0x7c00, 0xfc00, 0x7e00])
    for (const packedType of [types.f16, weightTypes.i8]) {
      const run = pack(put(Uint16Array.of(0, bits)), 2, panel, packedType);
      const message = failure(run);
      if (!message.endsWith(`failed with ${PACK_NOT_FINITE}`))
        throw new Error(`${label}: packing ${bits} gave "${message}"`);
    }
}

function failure(run: () => void): string {
  try {
    run();
    return 'no failure';
  } catch (error) {
    return String(error);
  }
}

/** `plain`: dense rows and nothing added. Otherwise strides of every kind, bias and residual. */
async function checkCase(
  variant: Variant,
  { R, K, M }: Shape,
  weightType: WeightType,
  dtype: FloatType,
  packed: boolean,
  plain: boolean,
): Promise<void> {
  const label = `linear ${variant} ${R}x${K}x${M} ${weightType}${packed ? ' packed' : ''} ${dtype}${plain ? '' : ' strided'}`;
  const host = await BenchHost.open(variant);
  const module = await WebAssembly.compile(withoutSharedMemory(await embeddedKernels(variant)));
  const linear = new WebAssembly.Instance(module, { env: { memory: host.memory } }).exports[
    'linear'
  ] as Linear;
  const random = generator(R * 7 + K * 3 + M);
  const normal = (): number => random() + random() - 1;
  const stored = weightType === 'i8' ? 'f32' : weightType;
  const [size, weightSize] = [bytesOf(dtype), bytesOf(stored)];

  // x (R, K) with every second column, rows backwards; weight (M, K) stored as its transpose.
  const [xStep, xRow] = plain ? [1, K] : [2, 2 * K + 1];
  const x = fill(host, dtype, R * xRow, normal);
  const [xR, xK, xFirst] = plain ? [xRow, 1, 0] : [-xRow, xStep, (R - 1) * xRow];
  // The third row of a weight is zeros: nothing to scale by.
  const [wM, wK] = plain ? [K, 1] : [1, M];
  let element = 0;
  const weight = fill(host, stored, M * K, () =>
    (plain ? Math.floor(element++ / K) : element++ % M) === 2 ? 0 : normal(),
  );
  const weightValues =
    weightType === 'i8' ? quantized(weight.values, M, K, (m, k) => m * wM + k * wK) : weight.values;
  const bias = fill(host, 'f32', 2 * M, normal);
  const residual = fill(host, dtype, R * M, normal);

  let weights = weight.at;
  const panels = Math.ceil(M / PANEL);
  if (packed) {
    weights = host.alloc(packedBytes(weightType, M, K));
    host.call(
      'pack',
      packArgs,
      {
        M,
        K,
        weight: weight.at,
        weightM: wM * weightSize,
        weightK: wK * weightSize,
        weightType: types[stored],
        packed: weights,
        packedType: weightTypes[weightType],
      },
      panels,
      K * PANEL * 4,
    )();
  }

  const gap = plain ? 0 : 3;
  const yRow = M + gap;
  const run = (rows: number, first: number, rowBlock: number, pieces: number): Uint8Array => {
    const bytes = rows * yRow * size + 64;
    const y = host.alloc(bytes);
    new Uint8Array(host.memory.buffer, y, bytes).fill(guard);
    const words = argWords(linearArgs, {
      R: rows,
      K,
      M,
      rowBlock,
      dtype: types[dtype],
      x: x.at + (xFirst + first * xR) * size,
      xR: xR * size,
      xK: xK * size,
      weightType: weightTypes[weightType],
      packed: packed ? 1 : 0,
      weight: weights,
      weightM: wM * weightSize,
      weightK: wK * weightSize,
      bias: plain ? 0 : bias.at,
      biasM: 8,
      biasType: 0,
      residual: plain ? 0 : residual.at + first * size,
      residualR: size,
      residualM: R * size,
      y,
      yR: yRow * size,
    });
    const args = host.alloc(words.byteLength);
    const scratchBytes = 4 * (rowBlock * K + PANEL * K + 256);
    const scratch = host.alloc(scratchBytes + 64);
    new Int32Array(host.memory.buffer, args, words.length).set(words);
    new Uint8Array(host.memory.buffer, scratch, scratchBytes + 64).fill(0xff);
    const units = Math.ceil(rows / rowBlock) * panels;
    for (let piece = pieces - 1; piece >= 0; piece--) {
      const status = linear(
        args,
        Math.floor((units * piece) / pieces),
        Math.floor((units * (piece + 1)) / pieces),
        scratch,
      );
      if (status !== 0) throw new Error(`${label}: status ${status}`);
    }
    const beyond = new Uint8Array(host.memory.buffer, scratch + scratchBytes, 64);
    if (!beyond.every((byte) => byte === 0xff)) throw new Error(`${label}: wrote beyond its scratch`);
    return new Uint8Array(host.memory.buffer, y, bytes).slice();
  };

  const whole = run(R, 0, Math.ceil(R / 6) * 6, 1);
  const values = decode(whole.slice(0, R * yRow * size), dtype);
  for (let r = 0; r < R; r++) {
    const expected = Array.from({ length: M }, (_, m) => {
      let sum = plain ? 0 : bias.values[2 * m]! + residual.values[m * R + r]!;
      for (let k = 0; k < K; k++) sum += x.values[xFirst + r * xR + k * xK]! * weightValues[m * wM + k * wK]!;
      return sum;
    });
    const rounding = { f32: 2 ** -23, f16: 2 ** -11, bf16: 2 ** -8 }[dtype];
    check(label, values.subarray(r * yRow, r * yRow + M), expected, rounding, 4 * K * 2 ** -24 + 2 ** -24);
    const after = whole.subarray((r * yRow + M) * size, r === R - 1 ? whole.length : (r + 1) * yRow * size);
    if (!after.every((byte) => byte === guard)) throw new Error(`${label}: wrote beside row ${r}`);
  }
  const same = (what: string, a: Uint8Array, b: Uint8Array): void => {
    if (a.length !== b.length || a.some((byte, i) => byte !== b[i]))
      throw new Error(`${label}: ${what} changes bits`);
  };
  for (const pieces of [2, 3, 7]) same(`${pieces} pieces`, run(R, 0, 6, pieces), whole);
  for (const rowBlock of [1, 4, 12]) same(`rowBlock ${rowBlock}`, run(R, 0, rowBlock, 1), whole);
  for (let r = 0; r < R; r++) {
    same(
      `row ${r} alone`,
      run(1, r, 6, 2).subarray(0, M * size),
      whole.subarray(r * yRow * size, (r * yRow + M) * size),
    );
  }
}

/** Random values in a format, and what they are once rounded to it. */
function fill(
  host: BenchHost,
  type: FloatType,
  length: number,
  value: () => number,
): { at: number; values: Float32Array } {
  const at = host.alloc(length * bytesOf(type));
  const raw = encode(Float32Array.from({ length }, value), type);
  new Uint8Array(host.memory.buffer, at, raw.length).set(raw);
  return { at, values: decode(raw.slice(), type) };
}

function encode(values: Float32Array, type: FloatType): Uint8Array {
  if (type === 'f16') return new Uint8Array(Float16Array.from(values).buffer);
  if (type === 'bf16')
    return new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer);
  return new Uint8Array(values.buffer);
}

function decode(raw: Uint8Array, type: FloatType): Float32Array {
  if (type === 'f16') return Float32Array.from(new Float16Array(raw.buffer));
  if (type === 'bf16')
    return new Float32Array(Uint32Array.from(new Uint16Array(raw.buffer), (half) => half << 16).buffer);
  return new Float32Array(raw.buffer);
}
