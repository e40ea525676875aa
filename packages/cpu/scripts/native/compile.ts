import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { createRequire } from 'node:module';
import { compiler, libraries } from './toolchain.ts';

/** Where everything about the native part lies. */
export const root: string = join(import.meta.dirname, '../..');
const sources = join(root, 'native');
const require = createRequire(import.meta.url);

export interface Build {
  /** Folder for objects and the result. */
  readonly into: string;
  /** More flags for compiling and linking, such as those of a sanitizer. */
  readonly flags?: readonly string[];
  /** `-O` of it. */
  readonly optimise?: string;
}

export interface Built {
  readonly path: string;
  /** Whether anything had to be done. */
  readonly fresh: boolean;
}

/**
 * Compiles what has changed, as many files at once as there are cores, and links.
 * @throws Error with what the compiler said
 */
export async function build({ into, flags = [], optimise = '-O3' }: Build): Promise<Built> {
  const objects = join(into, 'objects');
  await mkdir(objects, { recursive: true });
  const files = (await readdir(sources, { recursive: true }))
    .filter((file) => file.endsWith('.cc'))
    .map((file) => join(sources, file))
    // The largest first, so that none is left for the end.
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const compileFlags = [...baseFlags(), optimise, ...flags];
  const compiled = await inParallel(files, async (file) => {
    const object = join(objects, `${relative(sources, file).replaceAll('/', '-')}.o`);
    const fresh = await compile(file, object, compileFlags);
    return { object, fresh };
  });
  const path = join(into, 'ss-cpu.node');
  const stamp = join(into, 'linked');
  const linked = JSON.stringify([compiler, flags, compiled.map(({ object }) => object)]);
  if (
    compiled.every(({ fresh }) => !fresh) &&
    existsSync(path) &&
    (await contents(stamp)).toString() === linked
  )
    return { path, fresh: false };
  // A process that has the old file mapped keeps it: the new one takes its name, not its place.
  const beside = `${path}.${process.pid}`;
  await run([
    '-shared',
    '-o',
    beside,
    ...compiled.map(({ object }) => object),
    ...libraries.map(({ link }) => `-l${link}`),
    '-pthread',
    ...linkFlags(),
    ...flags,
  ]);
  await rename(beside, path);
  await writeFile(stamp, linked);
  return { path, fresh: true };
}

function baseFlags(): string[] {
  return [
    '-std=c++20',
    '-fPIC',
    '-fvisibility=hidden',
    '-pthread',
    '-g1',
    `-ffile-prefix-map=${root}=.`,
    '-Wall',
    '-Wextra',
    // SSE4.2 is the floor; what is beyond is chosen at run time. Highway's SSE4 does not take AES for granted then.
    ...(process.arch === 'x64' ? ['-march=x86-64-v2', '-DHWY_DISABLE_PCLMUL_AES'] : []),
    '-DNAPI_VERSION=8',
    '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL',
    // A worker that is being terminated takes no error any more: one thrown into it would end the process.
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    `-I${sources}`,
    '-isystem',
    join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
    '-isystem',
    dirname(require.resolve('node-addon-api/package.json')),
  ];
}

function linkFlags(): string[] {
  if (process.platform === 'darwin') return ['-undefined', 'dynamic_lookup', '-Wl,-rpath,@loader_path'];
  // Never unloaded: threads of other libraries may outlive the worker thread that loaded it.
  // Old tags: where the libraries beside it look for theirs, too.
  return [
    '-Wl,-rpath,$ORIGIN',
    '-Wl,--disable-new-dtags',
    '-Wl,-z,nodelete',
    '-Wl,--no-undefined-version',
    '-Wl,--gc-sections',
  ];
}

/** @returns whether anything had to be done */
async function compile(file: string, object: string, flags: readonly string[]): Promise<boolean> {
  const stamp = `${object}.inputs`;
  const dependencies = `${object}.d`;
  if (existsSync(object) && existsSync(stamp) && existsSync(dependencies)) {
    if ((await readFile(stamp, 'utf8')) === (await digest(dependencies, flags))) return false;
  }
  const started = Date.now();
  await rm(stamp, { force: true });
  await run([...flags, '-c', file, '-o', object, '-MD', '-MF', dependencies]);
  // What was saved while the compiler read it is compiled again next time.
  const changed = await Promise.all(
    (await listed(dependencies)).map(async (path) => (await stat(path)).mtimeMs),
  );
  if (Math.max(...changed) < started) await writeFile(stamp, await digest(dependencies, flags));
  return true;
}

/**
 * Of everything an object was made from: the flags, its source and every header that this read, those of the system
 * included, because what these include in turn (hwy/foreach_target.h the source itself) counts as theirs.
 */
async function digest(dependencies: string, flags: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags]));
  for (const path of await listed(dependencies)) hash.update(path).update(await hashOf(path));
  return hash.digest('hex');
}

async function listed(dependencies: string): Promise<readonly string[]> {
  const rule = await readFile(dependencies, 'utf8');
  return rule
    .replace(/^.*?:\s/, '')
    .split(/(?:\\\n|\s)+/)
    .filter(Boolean);
}

const hashes = new Map<string, Promise<string>>();

function hashOf(path: string): Promise<string> {
  const known = hashes.get(path);
  if (known !== undefined) return known;
  const fresh = contents(path).then((bytes) => createHash('sha256').update(bytes).digest('hex'));
  hashes.set(path, fresh);
  return fresh;
}

async function contents(path: string): Promise<Buffer> {
  return existsSync(path) ? await readFile(path) : Buffer.alloc(0);
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}

/** One call of the compiler. @throws Error with what it said */
async function run(args: readonly string[]): Promise<void> {
  const child = spawn(compiler, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const what = args.find((arg) => arg.endsWith('.cc')) ?? 'the link';
  if (status !== 0) throw new Error(`${compiler} failed on ${basename(what)}:\n${said}`);
  if (said !== '') console.warn(said);
}
