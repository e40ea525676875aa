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
    .option('--threads <n>', 'threads of a backend that has them (default: its own choice)', count);
}

export interface ModelOptions extends BackendOptions {
  readonly model: string;
  readonly weights: NonNullable<LoadModelOptions['weights']>;
}

export function modelOptions(command: Command): Command {
  return backendOptions(command)
    .requiredOption('--model <source>', 'a checkpoint: its folder, its URL, or its id on a hub')
    .addOption(weightsOption());
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
