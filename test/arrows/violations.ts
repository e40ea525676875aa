import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { Room } from './rooms.ts';

/** What the rules need to know of one source file. `path` is relative to the package; what lies under src/ ships. */
export interface SourceFile {
  readonly path: string;
  readonly imports: readonly string[];
}

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** A package as the rules see it: its row in the table, its manifest and its files. */
export interface Package {
  readonly name: string;
  readonly room: Room;
  readonly manifest: Manifest;
  readonly files: readonly SourceFile[];
}

const SCOPE = '@ss/';

/** One sentence per arrow that points the wrong way. `doors` are the manifests of all packages by name. */
export function violations(pack: Package, doors: Readonly<Record<string, Manifest>>): string[] {
  return [...manifestViolations(pack), ...pack.files.flatMap((file) => fileViolations(pack, file, doors))];
}

function manifestViolations({ name, room, manifest }: Package): string[] {
  const seenByTests = [...room.sees, ...(room.testsSee ?? [])];
  const outside = (dependencies: object | undefined, seen: readonly string[]): string[] =>
    roomsIn(Object.keys(dependencies ?? {})).filter((other) => !seen.includes(other));
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies };
  const optional = outside(manifest.optionalDependencies, [...room.sees, ...(room.platforms ?? [])]);
  return [
    ...[...outside(shipped, room.sees), ...optional].map((other) => `${name} must not depend on ${other}`),
    ...outside(manifest.devDependencies, seenByTests).map((other) => `${name} must not test with ${other}`),
  ];
}

function fileViolations(
  pack: Package,
  file: SourceFile,
  doors: Readonly<Record<string, Manifest>>,
): string[] {
  const isShipped = file.path.startsWith('src/') && !file.path.endsWith('.test.ts');
  const { name, room, manifest } = pack;
  const seen = isShipped ? room.sees : [...room.sees, ...(room.testsSee ?? []), name];
  const declared = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
    ...(isShipped ? {} : { ...manifest.devDependencies, vitest: '' }),
  };
  return file.imports.flatMap((specifier) => {
    const where = `${name}/${file.path} imports ${specifier}`;
    if (specifier.startsWith('.'))
      return leaves(file.path, specifier) ? [`${where}: outside its package`] : [];
    if (isBuiltin(specifier)) {
      return room.portable && isShipped ? [`${where}: ${name} runs in browsers too`] : [];
    }
    const [other, door] = split(specifier);
    if (!specifier.startsWith(SCOPE))
      return other in declared ? [] : [`${where}: not declared in package.json`];
    const target = other.slice(SCOPE.length);
    if (!seen.includes(target)) return [`${where}: ${name} must not see ${target}`];
    if (target !== name && !(other in declared)) return [`${where}: not declared in package.json`];
    return door in (doors[target]?.exports ?? {}) ? [] : [`${where}: not a door of ${target}`];
  });
}

function roomsIn(packageNames: readonly string[]): string[] {
  return packageNames.filter((name) => name.startsWith(SCOPE)).map((name) => name.slice(SCOPE.length));
}

/** Out of the package's folder, or from the root's own files into a package by another way than its doors. */
function leaves(path: string, specifier: string): boolean {
  return /^(\.\.|packages)\//.test(join(path, '..', specifier));
}

/** `@ss/core/reference` is the door `./reference` of `@ss/core`. */
function split(specifier: string): [packageName: string, door: string] {
  const parts = specifier.split('/');
  const length = specifier.startsWith('@') ? 2 : 1;
  return [parts.slice(0, length).join('/'), ['.', ...parts.slice(length)].join('/')];
}
