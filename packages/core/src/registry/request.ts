import type { DType } from '../dtype.ts';
import type { OpName } from '../ops/op.ts';
import type { OptionNames } from '../options.ts';
import type { Shape } from '../shape.ts';

export interface SelectRequest {
  /** Ids to try first, in this order; others may still be chosen. */
  readonly prefer?: string | readonly string[] | undefined;
  /** The only id allowed. */
  readonly require?: string | undefined;
  /** Ids never to use. */
  readonly exclude?: readonly string[] | undefined;
  /**
   * `backend` (default): the best backend that has every op. `op`: the best that has any, and others run
   * what it refuses. `none` (default when `require` or SS_BACKEND names one): that backend or an error.
   */
  readonly fallback?: 'none' | 'backend' | 'op' | undefined;
  /** The ops that will be called; default all that inference takes. */
  readonly ops?: readonly OpName[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A call in short, to ask who would run it. */
export interface ExplainQuery {
  readonly op?: OpName | undefined;
  /** Of the op's main tensor; default f32. */
  readonly dtype?: DType | undefined;
  /** Of the op's main tensor, such as (B, L, D) of u. */
  readonly shape?: Shape | undefined;
}

export const selectOptions: OptionNames<SelectRequest> = {
  prefer: true,
  require: 'backend device provider id',
  exclude: true,
  fallback: true,
  ops: true,
  signal: true,
};

export const explainOptions: OptionNames<ExplainQuery & { load: boolean }> = {
  op: true,
  dtype: true,
  shape: true,
  load: true,
};
