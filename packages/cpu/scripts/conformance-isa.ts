import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './native/compile.ts';

/*
 * Runs the conformance kit once for every instruction set that this machine has, by hiding the better ones from
 * dispatch:
 *
 *     node packages/cpu/scripts/conformance-isa.ts [arguments of ss conformance]
 */

const known = process.arch === 'x64' ? ['sse4', 'avx2', 'avx3'] : ['neon'];
const ss = join(root, '../cli/src/bin.ts');

/** What kernels are really chosen for under a limit. */
function chosenFor(isa: string): string {
  const program = `
    const { createRegistry } = await import('@ss/core');
    const { cpu } = await import(${JSON.stringify(join(root, 'src/index.ts'))});
    const engine = await createRegistry([cpu()]).select({ require: 'cpu' });
    console.log(engine.device.facts.isa);
    await engine.dispose();
  `;
  const options = { cwd: root, env: { ...process.env, SS_CPU_ISA: isa }, encoding: 'utf8' } as const;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], options).trim();
}

for (const isa of known) {
  const chosen = chosenFor(isa);
  if (chosen !== isa) {
    console.log(`${isa}: this machine has no more than ${chosen}`);
    continue;
  }
  const args = [ss, 'conformance', '--backend', 'cpu', ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, SS_CPU_ISA: isa },
  });
  if (status !== 0) process.exitCode = 1;
}
