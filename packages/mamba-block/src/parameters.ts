import { decode, fromBytes, isFloat, SsError, tensor } from '@ss/core';
import type { DType, Engine, FloatDType, Shape, Tensor } from '@ss/core';
import type { MambaConfig } from './config.ts';

/** A mixer's parameters on an engine. Small ones are f32 whatever the checkpoint stores. */
export interface MixerWeights {
  /** (2 D, K) packed; the first half of the result is x, the second z */
  readonly inProj: Tensor;
  /** (2 D) */
  readonly inProjBias?: Tensor | undefined;
  /** (D, W), memory (W, D) */
  readonly conv: Tensor;
  /** (D) */
  readonly convBias?: Tensor | undefined;
  /** (R + 2 N, D) packed; the result is dt, B, C */
  readonly xProj: Tensor;
  /** (D, R) packed */
  readonly dtProj: Tensor;
  /** (D), added to the time step before softplus */
  readonly dtBias: Tensor;
  /** (D, N), memory (N, D): -exp(A_log) */
  readonly A: Tensor;
  /** (D) */
  readonly D: Tensor;
  /** (K, D) packed */
  readonly outProj: Tensor;
  /** (K) */
  readonly outProjBias?: Tensor | undefined;
}

export interface BlockWeights extends MixerWeights {
  /** (K) */
  readonly norm: Tensor;
}

/** What becomes of a stored parameter on its way to the device. */
export type Kept =
  /** packed for `linear`, in the dtype it is stored in unless another one is asked for */
  | 'projection'
  /** in f32 */
  | 'f32'
  /** (D, 1, W) in f32, channels contiguous */
  | 'convolution'
  /** A_log (D, N), kept as -exp(A_log) in f32, channels contiguous */
  | 'decay';

/** One parameter as the official package names and shapes it. */
export interface ParameterSpec<Key extends string = string> {
  readonly key: Key;
  readonly name: string;
  readonly shape: Shape;
  readonly kept: Kept;
}

/** A parameter's value as checkpoints store it: little-endian bytes, row-major. */
export interface ParameterValue {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/**
 * In which dtype projections are kept: the stored one (f64 becomes f32), or this one. `i8` has a scale for each
 * row, where the backend can; convolutions, norms, A and D are never narrowed.
 */
export type WeightDType = 'stored' | 'f32' | 'bf16' | 'f16' | 'i8';

/** Every parameter of a mixer with this config. */
export function mixerParameters(config: MambaConfig): readonly ParameterSpec<keyof MixerWeights>[] {
  const { dModel: K, dInner: D, dState: N, dConv: W, dtRank: R, bias, convBias } = config;
  return [
    { key: 'inProj', name: 'in_proj.weight', shape: [2 * D, K], kept: 'projection' },
    ...(bias ? [{ key: 'inProjBias', name: 'in_proj.bias', shape: [2 * D], kept: 'f32' } as const] : []),
    { key: 'conv', name: 'conv1d.weight', shape: [D, 1, W], kept: 'convolution' },
    ...(convBias ? [{ key: 'convBias', name: 'conv1d.bias', shape: [D], kept: 'f32' } as const] : []),
    { key: 'xProj', name: 'x_proj.weight', shape: [R + 2 * N, D], kept: 'projection' },
    { key: 'dtProj', name: 'dt_proj.weight', shape: [D, R], kept: 'projection' },
    { key: 'dtBias', name: 'dt_proj.bias', shape: [D], kept: 'f32' },
    { key: 'A', name: 'A_log', shape: [D, N], kept: 'decay' },
    { key: 'D', name: 'D', shape: [D], kept: 'f32' },
    { key: 'outProj', name: 'out_proj.weight', shape: [K, D], kept: 'projection' },
    ...(bias ? [{ key: 'outProjBias', name: 'out_proj.bias', shape: [K], kept: 'f32' } as const] : []),
  ];
}

/** Every parameter of a block: its norm, and the mixer's under `mixer.` */
export function blockParameters(config: MambaConfig): readonly ParameterSpec<keyof BlockWeights>[] {
  return [
    { key: 'norm', name: 'norm.weight', shape: [config.dModel], kept: 'f32' },
    ...mixerParameters(config).map((spec) => ({ ...spec, name: `mixer.${spec.name}` })),
  ];
}

/**
 * Puts one stored parameter on the device in the form blocks take it.
 * @throws SsError `dtype-unsupported` for a dtype that is not a real floating-point one
 */
export function placeParameter(
  engine: Engine,
  { name, kept }: Pick<ParameterSpec, 'name' | 'kept'>,
  value: ParameterValue,
  weights: WeightDType = 'stored',
): Tensor {
  const { dtype, shape, bytes } = value;
  if (!isFloat(dtype)) {
    throw new SsError(
      'dtype-unsupported',
      `The parameter ${name} is ${dtype} where a real floating-point dtype is wanted.`,
      {
        details: { name, dtype },
      },
    );
  }
  // No device but the reference computes in f64.
  if (kept === 'projection' && dtype !== 'f64')
    return engine.scope(() => packProjection(engine, fromBytes(bytes, shape, dtype), weights));
  const values = Float32Array.from(decode(bytes, dtype) as ArrayLike<number>);
  return engine.scope(() => {
    switch (kept) {
      case 'projection':
        return packProjection(engine, tensor(values, shape), weights);
      case 'f32':
        return engine.upload(tensor(values, shape));
      case 'convolution':
        return channelsContiguous(engine, values, shape.at(-1)!);
      case 'decay':
        return channelsContiguous(
          engine,
          values.map((x) => -Math.exp(x)),
          shape[1]!,
        );
    }
  });
}

function packProjection(
  engine: Engine,
  value: Tensor<Exclude<FloatDType, 'f64'>>,
  weights: WeightDType,
): Tensor {
  return engine.pack(value, weights === 'stored' ? value.dtype : weights);
}

/** Row-major (D, n) values as a (D, n) view of (n, D) memory. */
function channelsContiguous(engine: Engine, values: Float32Array, n: number): Tensor {
  const channels = values.length / n;
  const columns = new Float32Array(values.length);
  for (let d = 0; d < channels; d++)
    for (let i = 0; i < n; i++) columns[i * channels + d] = values[d * n + i]!;
  return engine.upload(tensor(columns, [n, channels])).permute(1, 0);
}
