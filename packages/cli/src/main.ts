import { failureStatus } from './failure.ts';
import { createProgram } from './program.ts';
import { Work } from './work.ts';

/**
 * Runs one command line, `argv` as in `process.argv`, and answers its exit status: 0 done, 1 failed, 2 not
 * understood, 130 interrupted. `ss doctor` has its own 0 to 2. Never rejects.
 */
export async function main(argv: readonly string[]): Promise<number> {
  using work = new Work();
  try {
    await createProgram(work).parseAsync(argv);
    return work.status;
  } catch (error) {
    return failureStatus(error, work);
  }
}
