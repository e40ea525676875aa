import { failure } from '../errors.ts';
import type { Source } from '../source/source.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A config, an index or a tokenizer of more than this is not one. */
const largestFile = 256 * 2 ** 20;

/**
 * An object from a JSON file of the source; undefined when there is no such file.
 * @throws SsError with `code` when it is not JSON or not an object
 */
export async function readJson(
  source: Source,
  name: string,
  code: 'config-invalid' | 'checkpoint-invalid' | 'tokenizer-invalid',
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  const file = await source.open(name, signal);
  if (file === undefined) return undefined;
  if (file.size > largestFile) throw failure(code, `${name} has ${file.size} bytes.`);
  const text = new TextDecoder().decode(await file.read(0, file.size, signal));
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (cause) {
    throw failure(code, `${name} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if (!isObject(value)) throw failure(code, `${name} does not hold an object.`);
  return value;
}

/** JSON with the bare Infinity and NaN that Python's json module writes. */
export function parsePythonJson(text: string): unknown {
  // Numbers beyond the range of a double are read as infinite.
  const standIns: Readonly<Record<string, string>> = {
    Infinity: '1e999',
    '-Infinity': '-1e999',
    NaN: 'null',
  };
  return JSON.parse(
    text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/gs, (token) => standIns[token] ?? token),
  );
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
