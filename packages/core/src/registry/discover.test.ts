import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { installed, knownBackends } from './discover.ts';
import { createRegistry } from './registry.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discover-'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const known = { id: 'found', package: 'found-backend', factory: 'found', priority: 5 };

async function install(source: string): Promise<void> {
  const home = join(folder, 'node_modules', known.package);
  await mkdir(home, { recursive: true });
  await writeFile(
    join(home, 'package.json'),
    JSON.stringify({ name: known.package, type: 'module', exports: './index.js' }),
  );
  await writeFile(join(home, 'index.js'), source);
}

test('a package that is not installed is a blocker with the command that helps', async () => {
  expect(await installed(known).probe()).toEqual({
    available: false,
    blockers: [
      {
        code: 'not-installed',
        message: 'found-backend is not installed',
        origin: 'install',
        fix: 'npm install found-backend',
      },
    ],
  });
});

test('a package installed in the working directory is asked and loaded', async () => {
  await install(`export const found = () => ({
    probe: () => ({ available: true, notes: ['asked'] }),
    load: async ({ signal }) => ({ loaded: true, signal }),
  });`);
  const registration = installed(known);
  expect(registration).toMatchObject({ apiVersion: 1, id: 'found', priority: 5 });
  expect(await registration.probe()).toEqual({ available: true, notes: ['asked'] });
  const { signal } = new AbortController();
  expect(await registration.load({ signal })).toEqual({ loaded: true, signal });
});

test('where there is no Node, a backend has to be given', async () => {
  vi.stubGlobal('process', undefined);
  const probe = await installed(known).probe();
  vi.unstubAllGlobals();
  expect(probe).toMatchObject({
    available: false,
    blockers: [
      {
        message: 'found-backend was not given to createRegistry()',
        fix: expect.stringContaining('createRegistry(['),
      },
    ],
  });
});

test('a registry without a list knows every package that can be found', () => {
  expect(createRegistry().ids.toSorted()).toEqual(
    [...knownBackends.map(({ id }) => id), 'reference'].toSorted(),
  );
});
