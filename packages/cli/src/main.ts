import { statusAfter, statusOfFailure } from './failure.ts';
import { createProgram } from './program.ts';
import { Work } from './work.ts';

/**
 * Runs one command line, `argv` as in `process.argv`, and answers its exit status: 0 done, 1 failed, 2 not
 * understood, 128 and more when a signal ended it. `ss doctor` has its own 0 to 2. Never rejects.
 */
export async function main(argv: readonly string[]): Promise<number> {
  using work = new Work();
  let status: number;
  try {
    await createProgram(work).parseAsync(argv);
    status = work.status;
  } catch (error) {
    status = await statusOfFailure(error, work);
  }
  // What was written last may fail only now.
  await new Promise((resolve) => setImmediate(resolve));
  return statusAfter(status, work);
}
