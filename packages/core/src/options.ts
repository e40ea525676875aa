import { SsError } from './errors.ts';
import { nearestName } from './known-names.ts';
import type { KnownNames } from './known-names.ts';

/**
 * Every option of `T`, so that one that is added or renamed does not compile until it is named; those that have other names
 * in other programs with these, such as `'max_new_tokens n_predict'`.
 */
export type OptionNames<T> = Readonly<Record<keyof T, true | string>>;

/**
 * Throws for what is no object of options, and for options that there are not: they would have been ignored.
 * @param where what takes the options, for the message: `model.generate()`
 * @throws SsError `argument-invalid`, `argument-unknown`
 */
export function checkOptions(where: string, given: unknown, names: KnownNames): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new SsError('argument-invalid', `${where} takes an object, not ${showValue(given)}.`, {
      hint: `It may have ${Object.keys(names).join(', ')}.`,
    });
  }
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !Object.hasOwn(names, name)) throw unknownName(where, 'option', name, names);
  }
}

/** @internal */
export function unknownName(where: string, what: string, name: string, names: KnownNames): SsError {
  const meant = nearestName(name, names);
  const known = Object.keys(names);
  const has = known.length === 0 ? `It has no ${what}s.` : `It has ${known.join(', ')}.`;
  return new SsError('argument-unknown', `${where} has no ${what} ${name}.`, {
    hint: meant === undefined ? has : `Did you mean ${meant}?`,
    details: { [what]: name, known, ...(meant !== undefined && { meant }) },
  });
}

/** A value in a message; one that JSON cannot say, too. */
export function showValue(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return 'an array';
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === 'string' && name !== 'Object' ? `a ${name}` : 'an object';
  }
  return JSON.stringify(value) ?? String(value);
}
