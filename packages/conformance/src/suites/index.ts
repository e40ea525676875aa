import type { Suite } from '../case.ts';
import { golden } from './golden.ts';
import { officialGrid } from './official-grid.ts';
import { shapes } from './shapes.ts';

/** Every suite, the ones that tell most first. */
export const suites: readonly Suite[] = [golden, officialGrid, shapes];
