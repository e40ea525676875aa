import { checkThreads, SsError } from '@ss/core';
import type { LoadModelOptions } from '@ss/mamba';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

/** Options of every command that runs ops. */
export interface BackendOptions {
  readonly backend: string;
  readonly threads?: number | undefined;
}

export function outputOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'print nothing but the result');
}

export function backendOptions(command: Command): Command {
  return outputOptions(command)
    .option('--backend <id>', 'auto, or the only backend to use: reference, wasm, ...', 'auto')
    .option('--threads <n>', 'threads of a backend that has them (default: its own choice)', threads);
}

export interface ModelOptions extends BackendOptions {
  readonly model: string;
  readonly weights: NonNullable<LoadModelOptions['weights']>;
}

export function modelOptions(command: Command): Command {
  return backendOptions(command)
    .addOption(
      required(new Option('--model <source>', 'a checkpoint: its folder, its URL, or its id on a hub')),
    )
    .addOption(weightsOption());
}

const requiredOptions = new WeakSet<Option>();

/** Makes an option required. Commander's own would be asked for before a misspelt one is named. */
function required(option: Option): Option {
  requiredOptions.add(option);
  return option;
}

/** Ends the command with the help unless every required option is there. */
export function requireOptions(command: Command): void {
  const missing = command.options.find(
    (option) => requiredOptions.has(option) && command.getOptionValue(option.attributeName()) === undefined,
  );
  if (missing) command.error(`error: required option '${missing.flags}' not specified`);
}

export function weightsOption(): Option {
  return new Option('--weights <dtype>', 'how weights are kept in memory')
    .choices(['stored', 'f32', 'bf16', 'f16', 'i8'])
    .default('stored');
}

/** A switch that is on unless `--no-<name>` is given; `--<name>` may be written too. */
export function switchedOn(command: Command, name: string, description: string): Command {
  return command
    .addOption(new Option(`--${name}`).default(true).hideHelp())
    .addOption(new Option(`--no-${name}`, description));
}

/** A whole number of at least 1. */
export function count(value: string): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return n;
}

/** A number of threads. */
export function threads(value: string): number {
  try {
    const n = count(value);
    checkThreads('--threads', n);
    return n;
  } catch (error) {
    if (!SsError.is(error)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

/** Whole numbers of at least 1, separated by commas. */
export function counts(value: string): readonly number[] {
  return value.split(',').map((part) => count(part.trim()));
}

/** A whole number from 0. */
export function natural(value: string): number {
  const n = Number(value);
  if (value.trim() === '' || !Number.isSafeInteger(n) || n < 0) {
    throw new InvalidArgumentError('It must be a whole number from 0.');
  }
  return n;
}

/** Whole numbers from 0, separated by commas. */
export function naturals(value: string): readonly number[] {
  return value.split(',').map((part) => natural(part));
}

/** A finite number. */
export function number(value: string): number {
  const n = Number(value);
  if (value.trim() === '' || !Number.isFinite(n)) throw new InvalidArgumentError('It must be a number.');
  return n;
}

/** A finite number from 0. */
export function positive(value: string): number {
  const n = number(value);
  if (n < 0) throw new InvalidArgumentError('It must be a number from 0.');
  return n;
}

export function among<const T extends string>(...allowed: readonly T[]): (value: string) => T {
  return (value) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new InvalidArgumentError(`It must be ${allowed.join(' or ')}.`);
    return found;
  };
}

/** Some of these, separated by commas. */
export function amongSeveral<const T extends string>(
  ...allowed: readonly T[]
): (value: string) => readonly T[] {
  const one = among(...allowed);
  return (value) => value.split(',').map((part) => one(part.trim()));
}

/** Ends the command with the help unless every name is among those given. */
export function requireOps(asked: readonly string[], command: Command, opNames: readonly string[]): void {
  const unknown = asked.find((name) => !opNames.includes(name));
  if (unknown !== undefined)
    command.error(`error: there is no op ${unknown}; there are ${opNames.join(', ')}.`);
}

/** Lines for the end of a help text. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
