import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the checkout. */
export const ROOT: string = join(import.meta.dirname, '../..');

/** Names of the folders under packages/. */
export const PACKAGES: readonly string[] = readdirSync(join(ROOT, 'packages')).filter((name) =>
  existsSync(join(ROOT, 'packages', name, 'package.json')),
);

/** A JSON file, by its path from the root. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
}

/** The files git knows or would add, by their paths from the root; none that is deleted or ignored. */
export function repositoryFiles(...pathspecs: string[]): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...pathspecs],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
}
