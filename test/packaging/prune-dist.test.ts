import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { pruneDist } from '../../tools/prune-dist.ts';

test('what a deleted source left in dist goes, and nothing else', async () => {
  await using root = await mkdtempDisposable(join(tmpdir(), 'ss-prune-'));
  const stay = ['src/a.ts', 'dist/a.js', 'dist/a.d.ts', 'dist/a.js.map', 'dist/data.json'];
  const go = ['dist/old.js', 'dist/deep/old.d.ts.map'];
  for (const path of [...stay, ...go]) {
    const file = join(root.path, 'packages/core', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  }
  pruneDist(root.path);
  const exists = (path: string): boolean => existsSync(join(root.path, 'packages/core', path));
  expect(stay.filter(exists)).toEqual(stay);
  expect(go.filter(exists)).toEqual([]);
});
