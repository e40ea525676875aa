import { inspect } from 'node:util';
import { SsError } from '@ss/core';
import { CommanderError } from 'commander';
import { statusOfSignal } from './work.ts';
import type { Work } from './work.ts';

/** Says on standard error why a command ended early, in sentences, and answers its exit status. */
export async function statusOfFailure(error: unknown, work: Work): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (work.stoppedBy) {
    // Who asked for JSON gets JSON; a command that has something to show has shown it.
    if (work.json && !work.results.used) await work.write('{"aborted":true}\n');
    return 1;
  }
  if (work.results.failure) return 1;
  work.say(describe(error));
  if (process.env['SS_LOG'] === 'trace') work.say(inspect(error));
  return 1;
}

/** The status of a command that came to `status`, in the light of who stopped it and what could not be written. */
export function statusAfter(status: number, work: Work): number {
  const { results, notes, stoppedBy } = work;
  if (stoppedBy) return statusOfSignal(stoppedBy);
  if (results.failure?.code === 'EPIPE') return statusOfSignal('SIGPIPE');
  if (results.failure) {
    work.say(`error: standard output cannot be written: ${results.failure.message}`);
    return 1;
  }
  return notes.failure && status === 0 ? 1 : status;
}

function describe(error: unknown): string {
  if (!SsError.is(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return `error: ${message}\n  This was not expected; SS_LOG=trace shows where it happened.`;
  }
  const { code, hint, message } = error;
  const sentence = hint === undefined ? message : message.slice(0, message.lastIndexOf(hint)).trimEnd();
  return [`error: ${sentence}`, ...(hint === undefined ? [] : [`  ${hint}`]), `  code: ${code}`].join('\n');
}
