import { join } from 'node:path';
import { build, root } from './native/compile.ts';
import { missing } from './native/toolchain.ts';

const lacking = missing();
if (lacking.length > 0) {
  console.log(`@ss/cpu is not built: ${lacking.join('; ')}. Programs use @ss/wasm instead.`);
} else {
  const started = performance.now();
  await build({ into: join(root, 'build') });
  console.log(`@ss/cpu: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
