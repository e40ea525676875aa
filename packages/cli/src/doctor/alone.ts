import { spawn } from 'node:child_process';

/** How long a backend may take to open and to compute one number. */
const patience = 60_000;

/** Opens one backend and computes with it. What this throws, the caller will hear too; only its end counts. */
const program = `
import { createRegistry } from ${JSON.stringify(import.meta.resolve('@ss/core'))};
const [, , id] = process.argv;
try {
  const engine = await createRegistry().select({ require: id });
  await engine.silu({ x: engine.tensor([1]) }).read();
  await engine.dispose();
} catch {}
`;

/**
 * Tries a backend in a process of its own, because native code that does not fit the machine ends the process
 * that loads it.
 * @returns how that process was ended, or undefined when it ended by itself
 */
export async function endsAlone(id: string, signal: AbortSignal): Promise<string | undefined> {
  // The program's own name comes along: backends are looked for from there, too.
  const args = ['--input-type=module', '--eval', program, process.argv[1]!, id];
  const child = spawn(process.execPath, args, { stdio: 'ignore', timeout: patience, signal });
  return new Promise((resolve) => {
    child.on('error', () => resolve(undefined));
    child.on('exit', (_, by) => {
      if (by === null) resolve(undefined);
      else if (by === 'SIGTERM') resolve(`did not open and compute within ${patience / 1000} s`);
      else resolve(`ends the process that loads it with ${by}`);
    });
  });
}
