import type { JsonObject } from '../../checkpoint/json.ts';
import { failure } from '../../errors.ts';

/** One part of `tokenizer.json`: a normalizer, a pre-tokenizer, a post-processor, a decoder, or the model. */
export type Part = JsonObject;

/** What is refused, with the part's name. */
export function unsupported(part: string, why: string): Error {
  return failure('tokenizer-unsupported', `tokenizer.json has ${part}: ${why}.`, {
    details: { part },
    hint: 'Give ids in place of text, from a tokenizer that has it, and leave tokenizer.json out.',
  });
}

/** What no reader of the format could understand. */
export function invalid(why: string, cause?: unknown): Error {
  return failure('tokenizer-invalid', `tokenizer.json cannot be used: ${why}.`, {
    cause,
    hint: 'Take it from the model it belongs to.',
  });
}

/** Longest text that is looked for in others: a search may walk it at every place. */
const maxSought = 1024;

export function requireShort(text: string, what: string): void {
  if (text.length > maxSought)
    throw unsupported(`${what} of ${text.length} characters`, `${maxSought} is the limit`);
}

/** A field that is a string. */
export function textOf(part: Part, field: string, otherwise?: string): string {
  const value = part[field] ?? otherwise;
  if (typeof value === 'string') return value;
  throw invalid(`${nameOf(part)} has no text in ${field}`);
}

/** A field that is one character. */
export function characterOf(part: Part, field: string): string {
  const text = textOf(part, field);
  if ([...text].length === 1) return text;
  throw invalid(`${nameOf(part)} has ${JSON.stringify(text)} in ${field} where one character is wanted`);
}

/** A field that is a whole number of at least `low`. */
export function countOf(part: Part, field: string, low: number, otherwise?: number): number {
  const value = part[field] ?? otherwise;
  if (Number.isSafeInteger(value) && (value as number) >= low) return value as number;
  throw invalid(`${nameOf(part)} has no whole number from ${low} in ${field}`);
}

/** A field that is true or false. */
export function flagOf(part: Part, field: string, otherwise: boolean): boolean {
  const value = part[field] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw invalid(`${nameOf(part)} has neither true nor false in ${field}`);
}

/** The parts of a part that is a list. */
export function partsOf(part: Part, field: string): Part[] {
  const value = part[field];
  if (Array.isArray(value)) return value as Part[];
  throw invalid(`${nameOf(part)} has no list in ${field}`);
}

export function nameOf(part: Part): string {
  return `the part ${JSON.stringify((part as Part | undefined)?.['type'] ?? part)}`;
}
