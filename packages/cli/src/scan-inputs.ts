import { tensor } from '@ss/core';
import type { FloatDType, SelectiveScanArgs, SelectiveScanBackwardArgs, Tensor } from '@ss/core';
import { Random } from './random.ts';

export interface ScanShape {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly states: number;
}

export interface ScanOptions {
  readonly softplus: boolean;
  readonly bias: boolean;
  readonly D: boolean;
  readonly z: boolean;
  readonly finalState: boolean;
}

/** The range Mamba's time steps are drawn from, log-uniformly (Gu & Dao 2023, section 3.6). */
const timeStep = { least: 1e-3, most: 0.1 };
/** What the projections of a layer add to the bias of delta at initialisation. */
const deltaNoise = 0.1;

/**
 * Inputs of one layer as Mamba initialises it: A = -(1, ..., N) for every channel, and a bias whose softplus is
 * log-uniform in [1e-3, 0.1]. Without softplus, delta is that time step itself.
 */
export function scanInputs(
  shape: ScanShape,
  options: ScanOptions,
  dtype: FloatDType,
  seed = 1,
): SelectiveScanArgs {
  const { batch, length, channels, states } = shape;
  const random = new Random(seed);
  const wide = dtype === 'f64' ? 'f64' : 'f32';
  const values = (extents: readonly number[], scale?: number): Tensor =>
    tensor(
      random.normals(
        extents.reduce((a, b) => a * b),
        scale,
      ),
      extents,
      dtype,
    );
  const steps = Float64Array.from(
    { length: channels },
    () => timeStep.least * (timeStep.most / timeStep.least) ** random.uniform(),
  );
  const center = options.softplus ? steps.map((dt) => Math.log(Math.expm1(dt))) : steps;
  const noise = options.softplus ? deltaNoise : 0;
  const delta = random.normals(batch * length * channels, noise);
  if (!options.bias) for (let i = 0; i < delta.length; i++) delta[i]! += center[i % channels]!;
  return {
    u: values([batch, length, channels]),
    delta: tensor(delta, [batch, length, channels], dtype),
    A: tensor(
      Float64Array.from({ length: channels * states }, (_, i) => -1 - (i % states)),
      [channels, states],
      wide,
    ),
    B: values([batch, length, states]),
    C: values([batch, length, states]),
    softplus: options.softplus,
    finalState: options.finalState,
    ...(options.bias && { deltaBias: tensor(center, [channels], wide) }),
    ...(options.D && { D: tensor(new Float64Array(channels).fill(1), [channels], wide) }),
    ...(options.z && { z: values([batch, length, channels]) }),
  };
}

/** The arguments of the gradient: those of the forward, and random cotangents of what it returns. */
export function scanCotangents(
  { finalState, ...forward }: SelectiveScanArgs,
  { batch, length, channels, states }: ScanShape,
  dtype: FloatDType,
  seed = 2,
): SelectiveScanBackwardArgs {
  const random = new Random(seed);
  const dy = tensor(random.normals(batch * length * channels), [batch, length, channels], dtype);
  if (!finalState) return { ...forward, dy };
  const wide = dtype === 'f64' ? 'f64' : 'f32';
  const dfinalState = tensor(random.normals(batch * channels * states), [batch, channels, states], wide);
  return { ...forward, dy, dfinalState };
}
