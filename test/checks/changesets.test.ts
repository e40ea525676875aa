import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { PACKAGES, readJson, repositoryFiles, ROOT } from '../helpers/repository.ts';
import { changesetComplaints, parseChangeset } from './changesets.ts';

const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** A release writes the changelog, so what ships has changed when it differs from the commit that last did. */
function hasChanged(name: string): boolean {
  const changelog = `packages/${name}/CHANGELOG.md`;
  const isBeingReleased = git('status', '--porcelain', '--', changelog) !== '';
  if (isBeingReleased) return false;
  const release = git('log', '-1', '--format=%H', '--', changelog);
  if (release === '') return true;
  return git('diff', '--name-only', release, '--', `packages/${name}/src`, ':!*.test.ts') !== '';
}

test('every changed package has a changeset, and every changeset a package', () => {
  const names = PACKAGES.map((name) => readJson<{ name: string }>(`packages/${name}/package.json`).name);
  const changed = names.filter((_, index) => hasChanged(PACKAGES[index] ?? ''));
  const changesets = repositoryFiles('.changeset/*.md')
    .filter((path) => basename(path) !== 'README.md')
    .map((path) => parseChangeset(path, readFileSync(join(ROOT, path), 'utf8')));
  expect(changesetComplaints(changesets, names, changed)).toEqual([]);
});

test('a changeset is read as changesets reads it', () => {
  const text = '---\n"@ss/core": minor\n\'@ss/wasm\': patch\n---\n\nScan backwards.\n';
  expect(parseChangeset('a.md', text).bumps).toEqual({ '@ss/core': 'minor', '@ss/wasm': 'patch' });
});

test.each(['Scan backwards.', '---\n"@ss/core": huge\n---\n\nScan.\n', '---\n"@ss/core": minor\n---\n\n'])(
  '%j is not a changeset',
  (text) => {
    expect(() => parseChangeset('a.md', text)).toThrow('a.md');
  },
);

test('a missing changeset and an unknown package are complaints', () => {
  const changesets = [{ file: 'a.md', bumps: { '@ss/cora': 'minor' } }];
  expect(changesetComplaints(changesets, ['@ss/core'], ['@ss/core'])).toEqual([
    'a.md names @ss/cora, which is not a package',
    '@ss/core has changed since its last release: add a changeset (pnpm changeset)',
  ]);
});
