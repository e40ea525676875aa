import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGES, readJson, repositoryFiles, ROOT } from '../helpers/repository.ts';
import { importsOf } from './imports.ts';
import { diagram, rooms, type Room } from './rooms.ts';
import { violations, type Manifest, type SourceFile } from './violations.ts';

const manifests = Object.fromEntries(
  PACKAGES.map((name) => [name, readJson<Manifest>(`packages/${name}/package.json`)]),
);

function sources(folder: string, ...pathspecs: string[]): SourceFile[] {
  return repositoryFiles(...pathspecs, ':!*/assembly/*').map((path) => ({
    path: relative(folder, path),
    imports: importsOf(path, readFileSync(join(ROOT, path), 'utf8')),
  }));
}

test('every package has a row in the table', () => {
  expect(PACKAGES.filter((name) => !(name in rooms))).toEqual([]);
});

describe('arrows point down only', () => {
  test.each(PACKAGES)('%s', (name) => {
    const room = rooms[name] as Room;
    const manifest = manifests[name] as Manifest;
    expect(
      violations(
        { name, room, manifest, files: sources(`packages/${name}`, `packages/${name}/*.ts`) },
        manifests,
      ),
    ).toEqual([]);
  });

  test('test/ and tools/ enter packages by their doors', () => {
    const declared = ['package.json', 'test/package.json', 'tools/package.json'].map(readJson<Manifest>);
    const devDependencies = Object.assign(
      {},
      ...declared.flatMap((each) => [each.devDependencies, each.dependencies]),
    );
    const files = sources('', 'test/*.ts', 'tools/*.ts');
    expect(
      violations({ name: 'root', room: { sees: PACKAGES }, manifest: { devDependencies }, files }, manifests),
    ).toEqual([]);
  });
});

test('docs/architecture.md draws the table', () => {
  expect(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')).toContain(diagram(PACKAGES));
});
