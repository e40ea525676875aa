import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from './repository.ts';

export interface ToolResult {
  readonly code: number | null;
  readonly output: string;
}

/** Development tools of the workspace, and the Node that runs this, come before whatever else is on PATH. */
const PATH = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH].join(delimiter);

/** Runs `command` in `cwd` and answers its exit code with everything it printed. Never rejects on a failure. */
export async function runTool(
  command: string,
  args: readonly string[],
  cwd: string = ROOT,
): Promise<ToolResult> {
  const env = { ...process.env, PATH, NO_COLOR: '1', FORCE_COLOR: undefined };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code, output: output.join('') }));
  });
}
