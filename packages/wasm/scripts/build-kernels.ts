import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compile } from './compile.ts';
import { readLayouts } from './read-layouts.ts';

/*
 * Compiles `assembly/` to the kernels that are embedded in the package, one module for every instruction set,
 * and writes the host's view of their arguments and constants. Does nothing when everything is up to date.
 */

const root = join(import.meta.dirname, '..');
const sources = join(root, 'assembly');
const target = join(root, 'src', 'kernels');

/** Name of the variant and what the compiler is asked for beyond the defaults. */
const variants = {
  baseline: ['--enable', 'simd'],
  relaxed: ['--enable', 'simd', '--enable', 'relaxed-simd'],
} as const;

const compiler: { version: string } = createRequire(import.meta.url)('assemblyscript/package.json');
const stamp = `// Built from assembly/ with AssemblyScript ${compiler.version}: ${fingerprint()}`;

if (outputs().every(isCurrent)) {
  console.log('kernels are up to date');
} else {
  const started = performance.now();
  const sizes: string[] = [];
  for (const [name, flags] of Object.entries(variants)) {
    const { binary, constants } = await compile(sources, flags);
    sizes.push(`${name} ${(binary.byteLength / 1024).toFixed(1)} kB`);
    write(
      `${name}.generated.ts`,
      `/** WebAssembly module, base64. */\nexport const kernels: string =\n  '${Buffer.from(binary).toString('base64')}';\n`,
    );
    if (name === 'baseline')
      write(
        'layout.generated.ts',
        `${readLayouts(readFileSync(join(sources, 'args.ts'), 'utf8'))}\n${constants}`,
      );
  }
  console.log(`kernels built in ${(performance.now() - started).toFixed(0)} ms: ${sizes.join(', ')}`);
}

function outputs(): string[] {
  return [...Object.keys(variants), 'layout'].map((name) => join(target, `${name}.generated.ts`));
}

function isCurrent(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').startsWith(stamp);
  } catch {
    return false;
  }
}

function write(name: string, text: string): void {
  writeFileSync(join(target, name), `${stamp}\n${text}`);
}

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of [sources, import.meta.dirname]) {
    for (const file of readdirSync(folder)
      .filter((name) => !name.endsWith('.test.ts'))
      .toSorted())
      hash.update(file).update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
