import { Command, Option } from 'commander';
import { examples, modelOptions, naturals } from '../options.ts';
import type { ModelOptions } from '../options.ts';
import type { Work } from '../work.ts';

interface Options extends ModelOptions {
  readonly prompt?: string;
  readonly tokens?: readonly number[];
}

/** `ss logits`: what the model thinks of the next token. */
export function logitsCommand(work: Work): Command {
  return modelOptions(new Command('logits'))
    .description('logits of the last position, always as JSON')
    .addOption(new Option('--prompt <text>', 'text to evaluate').conflicts('tokens'))
    .addOption(new Option('--tokens <id,...>', 'ids to evaluate').argParser(naturals))
    .addHelpText('after', examples('ss logits --model ./test/models/tiny-shakespeare --tokens 859,59,11'))
    .action(async (options: Options, command: Command) => {
      const input = options.prompt ?? options.tokens;
      if (input === undefined)
        command.error('error: one of --prompt and --tokens is needed', { exitCode: 2 });
      const { withModel } = await import('../with-model.ts');
      await withModel(options, work, async (model) => {
        const tokens = model.encode(input);
        const logits = [...(await model.logits(tokens, { signal: work.signal }))];
        await work.write(`${JSON.stringify({ tokens, backend: model.engine.id, logits })}\n`);
      });
    });
}
