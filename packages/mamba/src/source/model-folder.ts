import { failure } from '../errors.ts';

const weights = /\.(safetensors|bin)(\.index\.json)?$/;

/**
 * The files of one folder among files with paths, by name: the folder that has them all if weights lie right in it,
 * otherwise the only one below it where weights are. What lies deeper, such as the checkpoints of a training, belongs
 * to other models.
 * @throws SsError `source-invalid` when two files have one path, or several folders have weights
 */
export function modelFolder<T>(files: readonly (readonly [path: string, file: T])[]): ReadonlyMap<string, T> {
  const folders = new Map<string, Map<string, T>>();
  for (const [path, file] of files) {
    const parts = path.split(/[/\\]/).filter((part) => part !== '' && part !== '.');
    const name = parts.pop() ?? path;
    const folder = parts.join('/');
    const inside = folders.get(folder) ?? new Map<string, T>();
    folders.set(folder, inside);
    if (inside.has(name)) throw ambiguous(`Two files are ${folder === '' ? name : `${folder}/${name}`}.`);
    inside.set(name, file);
  }
  const top = commonFolder([...folders.keys()]);
  const withWeights = [...folders].filter(([, inside]) =>
    [...inside.keys()].some((name) => weights.test(name)),
  );
  const [only, other] = withWeights;
  const chosen = withWeights.find(([folder]) => folder === top) ?? (other ? undefined : only);
  if (chosen === undefined && only && other) {
    const paths = [only, other].map(([folder, inside]) => {
      const name = [...inside.keys()].find((name) => weights.test(name));
      return `${folder}/${name}`;
    });
    throw ambiguous(`Weights are in more than one folder: ${paths.join(', ')}.`);
  }
  return chosen?.[1] ?? folders.get(top) ?? new Map<string, T>();
}

function ambiguous(message: string): Error {
  return failure('source-invalid', message, { hint: 'Pass the files of one model.' });
}

/** The folder that has all of these below it; the empty path has every one. */
function commonFolder(folders: readonly string[]): string {
  const [first = [], ...rest] = folders.map((folder) => (folder === '' ? [] : folder.split('/')));
  let shared = first.length;
  for (const parts of rest) {
    const differs = first.slice(0, shared).findIndex((part, i) => part !== parts[i]);
    if (differs >= 0) shared = differs;
  }
  return first.slice(0, shared).join('/');
}
