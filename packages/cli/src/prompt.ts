import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';

export interface PromptOptions {
  readonly prompt?: string;
  readonly promptFile?: string;
}

/** Ways to give a text: on the command line, on standard input, in a file. */
export function promptOptions(command: Command, what: string): Command {
  return command
    .addOption(new Option('--prompt <text>', `${what}; - reads it from standard input`))
    .addOption(new Option('--prompt-file <path>', 'a file with that text instead').conflicts('prompt'));
}

/** The text, as it stands there, or undefined when none was given. Ends the command with the help when it cannot be read. */
export async function readPrompt(
  { prompt, promptFile }: PromptOptions,
  command: Command,
): Promise<string | undefined> {
  if (promptFile !== undefined)
    return decode(await readFile(promptFile).catch(refuse), `--prompt-file ${promptFile}`);
  if (prompt !== '-') return prompt;
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return decode(Buffer.concat(parts), '--prompt -');

  function refuse(error: Error): never {
    command.error(`error: option '--prompt-file' cannot be read: ${error.message}`);
  }

  function decode(bytes: Uint8Array, option: string): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      command.error(`error: option '${option}' is not text in UTF-8`);
    }
  }
}
