import { existsSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes from every package's dist/ what no source stands behind any more: `tsc -b` only ever adds, and a
 * deleted module must not be published.
 */
export function pruneDist(root: string): string[] {
  const emitted = globSync('packages/*/dist/**/*.{js,js.map,d.ts,d.ts.map}', { cwd: root });
  const stale = emitted.filter((path) => {
    const source = path.replace(/\/dist\//, '/src/').replace(/\.(?:js|d\.ts)(?:\.map)?$/, '.ts');
    return !existsSync(join(root, source));
  });
  for (const path of stale) rmSync(join(root, path));
  return stale;
}

if (import.meta.main)
  for (const path of pruneDist(join(import.meta.dirname, '..'))) console.log(`removed ${path}`);
