import { SsError } from '@ss/core';
import { CommanderError } from 'commander';
import type { Work } from './work.ts';

/** The status of a shell command that Ctrl-C ended: 128 + SIGINT. */
const interruptedStatus = 130;

/** Says on standard error why a command ended early, in sentences, and answers its exit status. */
export function failureStatus(error: unknown, work: Work): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (work.interrupted) return interruptedStatus;
  if (work.unread) return 0;
  console.error(describe(error));
  if (process.env['SS_LOG'] === 'trace') console.error(error);
  return 1;
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
