import type { Suite } from '../case.ts';
import { extremesOfRows } from './extremes-of-rows.ts';
import { extremesOfSequences } from './extremes-of-sequences.ts';
import { capabilities } from './capabilities.ts';
import { chunks } from './chunks.ts';
import { failures } from './failures.ts';
import { farStrides } from './far-strides.ts';
import { golden } from './golden.ts';
import { large } from './large.ts';
import { layoutSuite } from './layouts.ts';
import { manyAxes } from './many-axes.ts';
import { memory } from './memory.ts';
import { nonFinite } from './non-finite.ts';
import { officialGrid } from './official-grid.ts';
import { order } from './order.ts';
import { packing } from './packing.ts';
import { programs } from './programs.ts';
import { repetition } from './repetition.ts';
import { sequences } from './sequences.ts';
import { shapes } from './shapes.ts';
import { symmetries } from './symmetries.ts';

/** Every suite, the ones that tell most first. */
export const suites: readonly Suite[] = [
  golden,
  officialGrid,
  shapes,
  extremesOfSequences,
  extremesOfRows,
  large,
  sequences,
  chunks,
  symmetries,
  layoutSuite,
  manyAxes,
  repetition,
  capabilities,
  order,
  memory,
  programs,
  packing,
  failures,
  nonFinite,
  farStrides,
];
