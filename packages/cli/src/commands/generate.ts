import { SsError } from '@ss/core';
import type { GenerateOptions, GenerationSummary, Piece } from '@ss/mamba';
import { Command } from 'commander';
import { count, examples, modelOptions, natural, number } from '../options.ts';
import type { ModelOptions } from '../options.ts';
import { promptOptions, readPrompt } from '../prompt.ts';
import type { PromptOptions } from '../prompt.ts';
import { table } from '../table.ts';
import type { Work } from '../work.ts';

interface Options extends ModelOptions, PromptOptions {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly logProbs?: boolean;
}

/** `ss generate`: streams text, then says how fast it was. */
export function generateCommand(work: Work): Command {
  return promptOptions(modelOptions(new Command('generate')), 'what to continue')
    .description('stream text that continues a prompt')
    .option('--max-tokens <n>', 'stop after so many tokens (default: 256)', count)
    .option('--temperature <t>', '0 takes the likeliest token every time (default: 0.8)', number)
    .option('--top-k <n>', 'only the likeliest n tokens, 0 for all (default: 0)', natural)
    .option('--top-p <p>', 'only the likeliest tokens that together have p (default: 0.95)', number)
    .option('--min-p <p>', 'only tokens at least p times as likely as the likeliest (default: 0)', number)
    .option('--repetition-penalty <p>', 'above 1 avoids recent tokens (default: 1)', number)
    .option('--stop <text...>', 'stop before any of these')
    .option('--seed <n>', 'the same seed gives the same text (default: random)', natural)
    .option('--log-probs', "every token's log-probability, after the text")
    .addHelpText(
      'after',
      examples(
        'ss generate --model ./test/models/tiny-shakespeare --prompt "ROMEO:" --seed 7',
        'ss generate --model ./test/models/tiny-shakespeare --prompt "ROMEO:" --temperature 0 --json --quiet',
        "printf 'ROMEO:' | ss generate --model ./test/models/tiny-shakespeare --prompt -",
      ),
    )
    .action(async (options: Options, command: Command) => {
      await checkSampling(options, command);
      const prompt = await readPrompt(options, command);
      if (prompt === undefined) command.error('error: one of --prompt and --prompt-file is needed');
      const { withModel } = await import('../with-model.ts');
      await withModel(options, work, async (model) => {
        const { weights, logProbs } = options;
        const pieces: Piece[] = [];
        const generation = model.generate(prompt, { ...sampling(options), signal: work.signal });
        try {
          for await (const piece of generation) {
            pieces.push(piece);
            if (!work.json) await work.write(piece.text);
          }
        } catch (error) {
          // What was drawn until then is a result, and who asked for JSON waits for an object.
          if (!work.json || !SsError.is(error, 'aborted')) throw error;
        }
        const summary = generation.summary!;
        const text = pieces.map((piece) => piece.text).join('');
        const data = {
          text,
          ...summary,
          aborted: summary.reason === 'aborted',
          weights,
          decision: model.decision,
          ...(logProbs && { pieces }),
        };
        if (work.json) await work.result(data, '');
        else if (!text.endsWith('\n')) await work.write('\n');
        if (logProbs && !work.json) work.say(listed(pieces));
        work.note(speed(summary));
      });
    });
}

/** Ends the command with the help for a value that no option may have, before anything is loaded for it. */
async function checkSampling(options: Options, command: Command): Promise<void> {
  const { checkGenerateOptions } = await import('@ss/mamba');
  try {
    checkGenerateOptions(sampling(options));
  } catch (error) {
    if (!SsError.is(error, 'generate-option')) throw error;
    const named = command.options.find((option) => option.attributeName() === error.details['option']);
    command.error(`error: option '${named?.flags}' is invalid. ${error.message}`);
  }
}

function sampling(options: Options): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, stop, seed } = options;
  return { maxTokens, temperature, topK, topP, minP, repetitionPenalty, stop, seed };
}

function listed(pieces: readonly Piece[]): string {
  return table([
    ['token', 'log-prob', 'text'],
    ...pieces.map(({ id, logProb, text }) => [id, logProb.toFixed(4), JSON.stringify(text)]),
  ]);
}

function speed(summary: GenerationSummary): string {
  const { promptTokens, prefillTokensPerSecond, tokens, decodeTokensPerSecond, seed, reason } = summary;
  const prefill = `prefill ${promptTokens} tokens at ${prefillTokensPerSecond.toFixed(1)} tokens/s`;
  const decode = `decode ${tokens} tokens at ${decodeTokensPerSecond.toFixed(1)} tokens/s`;
  return `${prefill}, ${decode}, seed ${seed}, stopped by ${reason}`;
}
