import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryFiles, ROOT } from '../helpers/repository.ts';
import { forbiddenIn } from './committed-text.ts';

const BINARY = /\.(?:safetensors|bin|npy|png|wasm|gguf)$/;

test('no file holds a machine path, a registry or a secret', () => {
  const complaints = repositoryFiles()
    .filter((path) => !BINARY.test(path))
    .flatMap((path) =>
      forbiddenIn(readFileSync(join(ROOT, path), 'utf8')).map((complaint) => `${path}: ${complaint}`),
    );
  expect(complaints).toEqual([]);
});

// Written in pieces, so that this file itself holds none of them.
test.each([
  [`const models = '${'/ho'}${'me/ada/models'}';`, 'a path of one machine'],
  [`cd ${'/ro'}${'ot/checkout'}`, 'a path of one machine'],
  [`import '${'file:'}${'///tmp/a.js'}'`, 'a path of one machine'],
  [`https://${'registry'}.example.org/tiny`, 'a package registry'],
  [`{tarball: 'x'}`.slice(1), 'a package registry in the lockfile'],
  [`token = ${'gh'}${'p_'}${'a1'.repeat(18)}`, 'a token'],
  [`-----BEGIN ${'RSA PRIV'}${'ATE KEY'}-----`, 'a private key'],
])('%s is refused', (text, reason) => {
  expect(forbiddenIn(text)).toEqual([expect.stringContaining(reason)]);
});

test.each(['@ss/root', 'packages/work/a.ts', 'https://example.org/home/page', 'the root/ of a tree'])(
  '%s is fine',
  (text) => {
    expect(forbiddenIn(text)).toEqual([]);
  },
);
