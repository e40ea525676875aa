import { SsError } from '../errors.ts';
import { showValue } from '../options.ts';

/** An argument of an op that is no tensor: what it may be, and what it is when it is not given. */
export interface OptionDefinition<Value = unknown> {
  /** what `accepts` asks for, as in "eps is -1 where a positive number is wanted" */
  readonly wanted: string;
  accepts(value: unknown): boolean;
  /** Calls reach backends with it; undefined: the option stays absent, which the op gives a meaning. */
  readonly default?: Value | undefined;
  /** it must be given */
  readonly required?: boolean;
}

export type OptionTable = Readonly<Record<string, OptionDefinition>>;
export type Options = Readonly<Record<string, unknown>>;

export const flag: OptionDefinition<boolean> = {
  wanted: 'a boolean',
  accepts: (value) => typeof value === 'boolean',
  default: false,
};

/** A finite number that `holds` is true of. */
export function numberOption(
  wanted: string,
  holds: (value: number) => boolean,
  otherwise?: number,
): OptionDefinition<number> {
  return {
    wanted,
    accepts: (value) => typeof value === 'number' && Number.isFinite(value) && holds(value),
    default: otherwise,
  };
}

/** An integer that is at least `least`. */
export function integerOption(wanted: string, least: number, otherwise?: number): OptionDefinition<number> {
  return numberOption(wanted, (value) => Number.isInteger(value) && value >= least, otherwise);
}

/**
 * The options of a call with those that were not given at their defaults.
 * @throws SsError `argument-invalid` for one that is not what the op wants, or that must be given
 */
export function completeOptions(op: string, table: OptionTable, given: Options): Options {
  const options: Record<string, unknown> = {};
  for (const [name, { wanted, accepts, default: otherwise, required }] of Object.entries(table)) {
    const value = given[name] === undefined ? otherwise : given[name];
    if (value === undefined && !required) continue;
    if (value === undefined || !accepts(value)) {
      const found = value === undefined ? 'not given' : showValue(value);
      throw new SsError('argument-invalid', `${op}: ${name} is ${found} where ${wanted} is wanted.`, {
        details: { op, [name]: value },
      });
    }
    options[name] = value;
  }
  return options;
}
