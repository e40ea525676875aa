import { spawnSync } from 'node:child_process';

/** A runtime other than Node, taken from PATH: `pnpm test:runtimes` puts it there. */
export interface Runtime {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
}

export const runtimes: readonly Runtime[] = [
  { name: 'Deno', command: ['deno', 'run', '--allow-all', '--node-modules-dir=manual'] },
  { name: 'Bun', command: ['bun', 'run'] },
];

export const isMissing = ({ command: [program] }: Runtime): boolean =>
  spawnSync(program, ['--version']).status !== 0;

export const notHere = ({ name }: Runtime): string => `no ${name} on PATH: pnpm test:runtimes brings one`;
