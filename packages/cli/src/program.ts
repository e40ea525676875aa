import { readFileSync } from 'node:fs';
import { nearestName } from '@ss/core';
import { Command } from 'commander';
import { backendsCommand } from './commands/backends.ts';
import { benchCommand } from './commands/bench.ts';
import { conformanceCommand } from './commands/conformance.ts';
import { doctorCommand } from './commands/doctor.ts';
import { generateCommand } from './commands/generate.ts';
import { helpCommand } from './commands/help.ts';
import { logitsCommand } from './commands/logits.ts';
import { examples, requireOptions } from './options.ts';
import type { Work } from './work.ts';

const commands = [
  generateCommand,
  logitsCommand,
  benchCommand,
  conformanceCommand,
  backendsCommand,
  doctorCommand,
];

/** The whole command line of `ss`. Its errors are thrown, after commander has printed them with the help. */
export function createProgram(work: Work): Command {
  const program = new Command('ss')
    .description('Mamba in TypeScript: generate text, measure, and find out what runs where and why.')
    .version(version(), '-v, --version')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('ss generate --model ./test/models/tiny-shakespeare --prompt "ROMEO:"', 'ss doctor'),
    );
  for (const make of commands) program.addCommand(make(work));
  program.addCommand(helpCommand(program));
  everyCommand(program, (command) =>
    command
      .exitOverride()
      .showHelpAfterError()
      .configureOutput({
        writeOut: (text) => void work.results.write(text),
        writeErr: (text) => void work.notes.write(text),
        outputError: (text, write) => write(withMeantOption(text, command)),
      })
      .hook('preAction', (_, acting) => {
        requireOptions(acting);
        work.configure(acting.opts());
      }),
  );
  return program;
}

function everyCommand(command: Command, apply: (command: Command) => void): void {
  apply(command);
  for (const sub of command.commands) everyCommand(sub, apply);
}

/** What llama.cpp and transformers call these options. */
const elsewhere: Readonly<Record<string, string>> = {
  backend: 'device provider',
  'max-tokens': 'max-new-tokens n-predict',
  prompt: 'text input',
  'prompt-file': 'file',
  'repetition-penalty': 'repeat-penalty',
  temperature: 'temp',
  weights: 'dtype precision quantize',
};

/** An unknown option with the one that was probably meant, where that is what other programs call it. */
function withMeantOption(text: string, command: Command): string {
  const flag = /^error: unknown option '--([\w-]+)'$/m.exec(text)?.[1];
  if (flag === undefined) return text;
  const names = command.options.flatMap(({ long, hidden }) =>
    long === undefined || hidden ? [] : [long.slice('--'.length)],
  );
  const meant = nearestName(flag, Object.fromEntries(names.map((name) => [name, elsewhere[name] ?? true])));
  return meant === undefined ? text : `${text.trimEnd()}\n(Did you mean --${meant}?)\n`;
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
