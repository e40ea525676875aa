import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/*
 * The worker's script as text, so that it starts wherever the package is, bundled or not: the files that
 * `src/worker/index.ts` imports, each before what needs it, without types, imports and exports.
 */

const source = join(import.meta.dirname, '..', 'src');
const files: string[] = [];
collect(join(source, 'worker', 'index.ts'));
const script = `(() => {\n'use strict';\n${files.map(plain).join('\n')}\n})();\n`;
const text = `/** Built from worker/index.ts and what it imports. */\nexport const workerScript: string =\n  ${JSON.stringify(script)};\n`;
const target = join(source, 'worker', 'script.generated.ts');
if (read(target) === text) {
  console.log('worker script is up to date');
} else {
  writeFileSync(target, text);
  console.log(`worker script built: ${(script.length / 1024).toFixed(1)} kB`);
}

function collect(path: string): void {
  if (files.includes(path)) return;
  for (const [, imported] of readFileSync(path, 'utf8').matchAll(/^import \{[^}]*\} from '(\.[^']+)';/gm))
    collect(join(dirname(path), imported!));
  files.push(path);
}

function plain(path: string): string {
  return stripTypeScriptTypes(readFileSync(path, 'utf8'))
    .replaceAll(/^import [^;]*;$/gm, '')
    .replaceAll(/^export /gm, '')
    .replaceAll(/^ *\/\*[\s\S]*?\*\/$/gm, '')
    .replaceAll(/^ *\/\/.*$/gm, '')
    .replaceAll(/\s+$/gm, '')
    .replaceAll(/^\n+/gm, '');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
