import type { SsError, SsErrorOptions } from '@ss/core';
import { failure } from '../errors.ts';
import { overBudget, parsePythonJson } from '../json-text.ts';
import { maxBytesOf } from '../source/limits.ts';
import { recognise } from '../source/recognise.ts';
import type { Source } from '../source/source.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A tokenizer of 256 thousand tokens and as many merges has about two million values, six deep. */
const budget = { depth: 100, values: 8_000_000 };

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
  const invalid = (why: string, options?: SsErrorOptions): SsError =>
    failure(code, `${name} ${why}.`, { ...options, details: { file: name } });
  const maxBytes = maxBytesOf(name)!;
  if (file.size > maxBytes) throw invalid(`has ${file.size} bytes, of which ${maxBytes} are read`);
  const other = await recognise(file, 'json', signal);
  if (other) throw invalid(`is not JSON: it ${other.what}`, { hint: other.hint });
  const text = new TextDecoder().decode(await file.read(0, file.size, signal));
  const over = overBudget(text, budget);
  if (over !== undefined) throw invalid(over);
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (cause) {
    throw invalid(`is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(value)) throw invalid('does not hold an object');
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
