import { Command } from 'commander';

/** `ss help generate`: the same as `ss generate --help`. */
export function helpCommand(program: Command): Command {
  return new Command('help')
    .description('the help of a command')
    .argument('[command...]')
    .action((names: readonly string[], _: unknown, help: Command) => {
      let found = program;
      for (const name of names) {
        const next = found.commands.find((command) => command.name() === name);
        if (next === undefined) {
          const there = found.commands.map((command) => command.name()).join(', ');
          help.error(
            `error: unknown command '${name}'; ${there === '' ? 'it has none' : `there are ${there}`}`,
          );
        }
        found = next;
      }
      found.outputHelp();
    });
}
