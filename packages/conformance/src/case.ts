import type { OpName } from '@ss/core';
import type { Bench } from './bench.ts';
import type { Tier } from './report.ts';
import type { VectorFolder } from './vectors/folder.ts';

/** One thing that must hold. */
export interface Case {
  /** Unique within its suite and op; may say parameters. */
  readonly name: string;
  /** Further ops that it calls. */
  readonly uses?: readonly OpName[];
  /** @throws Skip, or any other error when it does not hold */
  run(bench: Bench): Promise<void>;
}

export interface Setup {
  readonly tier: Tier;
  readonly vectors: VectorFolder;
}

/** Cases that ask the same question of several ops. */
export interface Suite {
  /** First part of the ids of its cases. */
  readonly name: string;
  readonly ops: readonly OpName[];
  cases(op: OpName, setup: Setup): Iterable<Case> | AsyncIterable<Case>;
}

/** Thrown by a case that says nothing about this backend. */
export class Skip extends Error {}
