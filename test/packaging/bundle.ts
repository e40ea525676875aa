import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import { nodeEntry, page, pageEntry } from './entries.ts';

/** What a bundler made: the folder to serve or run, and what it complained about. */
export interface Bundle {
  readonly folder: string;
  readonly warnings: readonly string[];
}

/** A page bundled by vite as it comes, without configuration. */
export async function viteForBrowsers(project: string, program: string): Promise<Bundle> {
  const folder = join(project, 'dist-vite');
  const warnings: string[] = [];
  await writeFile(join(project, 'page.ts'), pageEntry(program));
  await writeFile(join(project, 'index.html'), page('/page.ts'));
  const customLogger = vite.createLogger('warn');
  customLogger.warn = customLogger.warnOnce = (text) => warnings.push(text);
  await vite.build({
    root: project,
    configFile: false,
    logLevel: 'warn',
    customLogger,
    build: { outDir: folder },
  });
  return { folder, warnings };
}

/** A page bundled by esbuild, as ES modules and otherwise as it comes. */
export async function esbuildForBrowsers(project: string, program: string): Promise<Bundle> {
  const folder = join(project, 'dist-browser');
  const warnings = await runEsbuild(project, 'page.ts', pageEntry(program), folder, 'browser');
  await writeFile(join(folder, 'index.html'), page('/page.js'));
  return { folder, warnings };
}

/** A program bundled by esbuild for Node: `main.js` in the folder. */
export async function esbuildForNode(project: string, program: string): Promise<Bundle> {
  const folder = join(project, 'dist-node');
  return { folder, warnings: await runEsbuild(project, 'main.ts', nodeEntry(program), folder, 'node') };
}

async function runEsbuild(
  project: string,
  entry: string,
  code: string,
  outdir: string,
  platform: esbuild.Platform,
): Promise<string[]> {
  await writeFile(join(project, entry), code);
  const { warnings } = await esbuild.build({
    absWorkingDir: project,
    entryPoints: [entry],
    outdir,
    platform,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    logLevel: 'silent',
  });
  return warnings.map((warning) => warning.text);
}
