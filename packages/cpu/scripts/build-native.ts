import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build, root } from './native/compile.ts';
import { missing } from './native/toolchain.ts';

// What cannot be built here is not needed: programs take the next backend, and `ss backends` says why.
const into = join(root, 'build');
const lacking = missing();
if (lacking.length > 0) {
  console.log(`@ss/cpu is not built: ${lacking.join('; ')}. Programs use @ss/wasm instead.`);
} else {
  const started = performance.now();
  try {
    const addon = await build({ into });
    const seconds = (performance.now() - started) / 1000;
    console.log(`@ss/cpu: ${addon.fresh ? `built in ${seconds.toFixed(1)} s` : 'is up to date'}`);
  } catch (error) {
    // One that does not belong to these sources would be worse than none.
    await rm(join(into, 'ss-cpu.node'), { force: true });
    console.warn(`@ss/cpu could not be built. Programs use @ss/wasm instead.\n${(error as Error).message}`);
  }
}
