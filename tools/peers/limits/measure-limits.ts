import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { peerFailure } from '@ss/cli/against';
import type { Limits } from '@ss/cli/against';

const source = join(import.meta.dirname, 'limits.cpp');
const program = join(import.meta.dirname, 'dist/limits');
const flags = ['-std=c++17', '-O3', '-march=native', '-ffp-contract=fast', '-pthread'];

/** Compiles the program when there is a compiler and it has changed, and runs it: about a second. */
export async function measureLimits(threads: number): Promise<Limits | undefined> {
  if (!isNewer(program, source)) {
    mkdirSync(join(import.meta.dirname, 'dist'), { recursive: true });
    const compiler = process.env['CXX'] ?? 'c++';
    const { status, stderr, error } = spawnSync(compiler, [...flags, source, '-o', program], {
      encoding: 'utf8',
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    if (status !== 0) throw peerFailure(`${compiler} does not compile limits.cpp`, stderr);
  }
  const { status, stdout, stderr } = spawnSync(program, [String(threads)], { encoding: 'utf8' });
  if (status !== 0) throw peerFailure('The program that measures the machine stopped', stderr);
  return JSON.parse(stdout) as Limits;
}

function isNewer(made: string, from: string): boolean {
  const time = statSync(made, { throwIfNoEntry: false })?.mtimeMs;
  return time !== undefined && time >= statSync(from).mtimeMs;
}
