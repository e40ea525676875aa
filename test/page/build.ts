import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from '../helpers/repository.ts';

/** The page, the model and the vectors as static files in `folder`. */
export async function buildPage(folder: string): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    logLevel: 'silent',
  });
  await cp(join(import.meta.dirname, 'index.html'), join(folder, 'index.html'));
  await cp(join(ROOT, 'test/models/tiny-shakespeare'), join(folder, 'model'), { recursive: true });
  await cp(join(ROOT, 'packages/conformance/vectors'), join(folder, 'vectors'), { recursive: true });
}
