import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRegistry, SsError } from '@ss/core';
import { cpu } from '@ss/cpu';
import { wasm } from '@ss/wasm';

/*
 * Opens a backend with 8 threads where the system starts only so many more, and prints what came of it:
 *
 *     node test/thread-limits/open-limited.ts cpu|wasm <more threads> [auto]
 */

const [id, more, auto] = process.argv.slice(2);
const open = (threads: number | 'auto') =>
  createRegistry([id === 'cpu' ? cpu({ threads }) : wasm({ threads })]).select({ require: id });

// Everything is loaded before the limit is set.
await (await open(1)).dispose();
if (!limit())
  console.log('{"skip":"only root can become a user without other processes, whom a limit counts"}');
else console.log(JSON.stringify(await answer()));

/** Becomes a user who has this process alone, and may have so many threads more. Root itself is under no limit. */
function limit(): boolean {
  try {
    process.setuid!(54_321);
    const threads = readdirSync('/proc/self/task').length;
    execFileSync('prlimit', ['--pid', String(process.pid), `--nproc=${threads + Number(more)}`]);
    return true;
  } catch {
    return false;
  }
}

async function answer(): Promise<object> {
  try {
    await using engine = await open(auto === undefined ? 8 : 'auto');
    using x = engine.tensor(new Float32Array(1_000_000).fill(1));
    using y = engine.add({ a: x, b: x });
    const values = await y.read();
    return {
      facts: engine.device.facts,
      decision: String(engine.decision),
      right: values.every((v) => v === 2),
    };
  } catch (error) {
    const { cause } = error as Error;
    return SsError.is(cause)
      ? { code: cause.code, message: cause.message, hint: cause.hint }
      : { error: String(error) };
  }
}
