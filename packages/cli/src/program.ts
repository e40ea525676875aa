import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { backendsCommand } from './commands/backends.ts';
import { benchCommand } from './commands/bench.ts';
import { conformanceCommand } from './commands/conformance.ts';
import { doctorCommand } from './commands/doctor.ts';
import { generateCommand } from './commands/generate.ts';
import { logitsCommand } from './commands/logits.ts';
import { examples } from './options.ts';
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
    .version(version(), '--version')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('ss generate --model ./test/models/tiny-shakespeare --prompt "ROMEO:"', 'ss doctor'),
    );
  for (const make of commands) program.addCommand(make(work));
  everyCommand(program, (command) =>
    command
      .exitOverride()
      .showHelpAfterError()
      .hook('preAction', (_, acting) => work.configure(acting.opts())),
  );
  return program;
}

function everyCommand(command: Command, apply: (command: Command) => void): void {
  apply(command);
  for (const sub of command.commands) everyCommand(sub, apply);
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
