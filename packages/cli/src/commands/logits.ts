import { Command, Option } from 'commander';
import { examples, modelOptions, naturals } from '../options.ts';
import type { ModelOptions } from '../options.ts';
import { promptOptions, readPrompt } from '../prompt.ts';
import type { PromptOptions } from '../prompt.ts';
import type { Work } from '../work.ts';

interface Options extends ModelOptions, PromptOptions {
  readonly tokens?: readonly number[];
}

/** `ss logits`: what the model thinks of the next token. */
export function logitsCommand(work: Work): Command {
  return promptOptions(modelOptions(new Command('logits')), 'text to evaluate')
    .description('logits of the last position, always as JSON')
    .addOption(
      new Option('--tokens <id,...>', 'ids to evaluate')
        .argParser(naturals)
        .conflicts(['prompt', 'promptFile']),
    )
    .addHelpText('after', examples('ss logits --model ./test/models/tiny-shakespeare --tokens 859,59,11'))
    .action(async (options: Options, command: Command) => {
      work.configure({ ...options, json: true });
      const input = (await readPrompt(options, command)) ?? options.tokens;
      if (input === undefined) command.error('error: one of --prompt, --prompt-file and --tokens is needed');
      const { withModel } = await import('../with-model.ts');
      await withModel(options, work, async (model) => {
        const tokens = model.encode(input);
        const logits = [...(await model.logits(tokens, { signal: work.signal }))];
        await work.write(`${JSON.stringify({ tokens, backend: model.engine.id, logits })}\n`);
      });
    });
}
