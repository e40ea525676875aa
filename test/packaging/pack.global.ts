import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { runTool, type ToolResult } from '../helpers/run-tool.ts';

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
  // Where it cannot be built, the package of the native library is packed without one.
  await runTool('node', ['packages/cpu/scripts/prebuild.ts']);
  const { code, output } = await pnpm('--filter', './packages/**', 'pack', '--pack-destination', folder);
  provide('packed', code === 0 ? { folder } : { failure: output });
  return () => rm(folder, { recursive: true });
}

/** The pnpm that runs the tests, or the one that npx finds when a test is started without it. */
function pnpm(...args: string[]): Promise<ToolResult> {
  const script = process.env.npm_execpath;
  if (script === undefined || !/pnpm/.test(script)) return runTool('npx', ['--yes', 'pnpm@12', ...args]);
  return /\.[cm]?js$/.test(script) ? runTool('node', [script, ...args]) : runTool(script, args);
}
