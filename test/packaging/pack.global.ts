import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { runTool } from '../helpers/run-tool.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder of the tarballs, or why there are none. */
    packed: { folder: string } | { failure: string };
  }
}

/** Builds every package and packs it, once for all packaging tests. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'ss-pack-'));
  // What does not type-check fails its own test; what was emitted all the same is packed.
  await runTool('tsc', ['-b']);
  await runTool('node', ['tools/prune-dist.ts']);
  // Where the native library cannot be built, its package is left out, and who needs it says so.
  const pack = ['tools/pack.ts', '--to', folder];
  const native = await runTool('node', pack);
  const { code, output } = native.code === 0 ? native : await runTool('node', [...pack, '--without-native']);
  provide('packed', code === 0 ? { folder } : { failure: output });
  return () => rm(folder, { recursive: true });
}
