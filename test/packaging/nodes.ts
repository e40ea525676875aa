import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../helpers/repository.ts';

const NODE_22 = join(ROOT, 'test/node_modules/node22/bin/node');

/** The oldest Node that the packages promise, from npm where it has one for the platform, and the current one. */
export const nodes: readonly (readonly [label: string, path: string])[] = [
  ['Node 22', NODE_22],
  ['the current Node', process.execPath],
];

export const isMissing = (node: string): boolean => !existsSync(node);

export const NO_NODE_22 = 'npm has no Node 22 for this platform in the workspace';
