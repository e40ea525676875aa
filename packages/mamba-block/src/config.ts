import { checkOptions, SsError } from '@ss/core';
import type { OptionNames } from '@ss/core';

/** The sizes of one Mamba block (Gu & Dao 2023; `Mamba` of the official package). */
export interface MambaConfig {
  /** Width of the residual stream. */
  readonly dModel: number;
  /** Channels of the scan, D. */
  readonly dInner: number;
  /** States per channel, N. */
  readonly dState: number;
  /** Width of the causal convolution, W. */
  readonly dConv: number;
  /** Rank of the projection that makes the time step. */
  readonly dtRank: number;
  /** Biases on the input and output projection. */
  readonly bias: boolean;
  readonly convBias: boolean;
  /** Of the norm before the mixer. */
  readonly normEps: number;
  /** Normalises dt, B and C without weights after their projection, with this epsilon (Falcon-Mamba). */
  readonly selectionNormEps?: number | undefined;
}

/** What has to be said about a block: its width; the rest has the official defaults. */
export interface MambaOptions extends Partial<Omit<MambaConfig, 'dModel'>> {
  readonly dModel: number;
  /** dInner / dModel when dInner is not given; default 2 */
  readonly expand?: number | undefined;
}

/** The names of all of them. */
export const mambaOptionNames: OptionNames<MambaOptions> = {
  dModel: 'hidden_size',
  dInner: 'intermediate_size',
  dState: 'state_size',
  dConv: 'conv_kernel',
  dtRank: 'time_step_rank',
  bias: true,
  convBias: true,
  normEps: true,
  selectionNormEps: true,
  expand: true,
};

/**
 * A complete config: dInner 2 dModel, dState 16, dConv 4, dtRank ceil(dModel / 16), bias only on the
 * convolution, eps 1e-5.
 * @throws SsError `config-invalid` naming the field
 */
export function mambaConfig(options: MambaOptions): MambaConfig {
  checkOptions('mambaConfig()', options, mambaOptionNames);
  const { expand = 2, ...given } = options;
  const config: MambaConfig = {
    dModel: given.dModel,
    dInner: given.dInner ?? expand * given.dModel,
    dState: given.dState ?? 16,
    dConv: given.dConv ?? 4,
    dtRank: given.dtRank ?? Math.ceil(given.dModel / 16),
    bias: given.bias ?? false,
    convBias: given.convBias ?? true,
    normEps: given.normEps ?? 1e-5,
    ...(given.selectionNormEps !== undefined && { selectionNormEps: given.selectionNormEps }),
  };
  for (const field of ['dModel', 'dInner', 'dState', 'dConv', 'dtRank'] as const) {
    const value = config[field];
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(field, value, 'an integer of at least 1');
  }
  for (const field of ['normEps', 'selectionNormEps'] as const) {
    const value = config[field];
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw invalid(field, value, 'a positive number');
    }
  }
  return config;
}

function invalid(field: string, value: number, wanted: string): SsError {
  return new SsError('config-invalid', `${field} is ${value} where ${wanted} is wanted.`, {
    details: { field, value },
  });
}
