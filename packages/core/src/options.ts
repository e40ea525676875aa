import { SsError } from './errors.ts';
import { nearestName } from './known-names.ts';

/** Every option of `T`, so that one that is added or renamed does not compile until it is named. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Throws for what is no object of options, and for options that there are not: they would have been ignored.
 * @param where what takes the options, for the message: `model.generate()`
 * @throws SsError `argument-invalid`, `argument-unknown`
 */
export function checkOptions(where: string, given: unknown, names: Readonly<Record<string, true>>): void {
  if (given === undefined) return;
  const known = Object.keys(names);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new SsError('argument-invalid', `${where} takes an object, not ${showValue(given)}.`, {
      hint: `It may have ${known.join(', ')}.`,
    });
  }
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !Object.hasOwn(names, name)) throw unknownName(where, 'option', name, known);
  }
}

/** @internal */
export function unknownName(where: string, what: string, name: string, known: readonly string[]): SsError {
  const meant = nearestName(name, known);
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
