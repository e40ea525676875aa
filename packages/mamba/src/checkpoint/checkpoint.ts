import type { DType, Shape } from '@ss/core';

/** A stored tensor, not read yet. */
export interface CheckpointTensor {
  /** As its file names it. */
  readonly name: string;
  /** As its file names its dtype. */
  readonly stored: string;
  /** undefined for dtypes that no op knows. */
  readonly dtype: DType | undefined;
  readonly shape: Shape;
  readonly byteLength: number;
  /** The file and where in it; tensors that share their bytes have one place. */
  readonly place: string;
  /** A part of it takes as long to read as all of it. */
  readonly inOnePiece?: boolean;
  /** The row-major bytes, or `length` of them from `start`. */
  read(signal: AbortSignal | undefined, start?: number, length?: number): Promise<Uint8Array>;
}

/** The tensors of a checkpoint by name, in the order in which they are best read. */
export type Checkpoint = ReadonlyMap<string, CheckpointTensor>;
