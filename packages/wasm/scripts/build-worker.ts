import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/*
 * The worker's script in one piece: `src/worker/index.ts` and the files it imports, each before what needs it,
 * without types, imports and exports. As a text in the package, so that workers start wherever the package is,
 * bundled or not; and as a file, for pages that may start workers only from files.
 */

const source = join(import.meta.dirname, '..', 'src');
const files: string[] = [];
collect(join(source, 'worker', 'index.ts'));
const script = `(() => {\n'use strict';\n${files.map(plain).join('\n')}\n})();\n`;
write('script.generated.js', script);
write(
  'script.generated.ts',
  `/** The worker's whole script. */\nexport const workerScript: string =\n  ${JSON.stringify(script)};\n`,
);

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

function write(name: string, text: string): void {
  const path = join(source, 'worker', name);
  if (read(path) === text) return;
  writeFileSync(path, text);
  console.log(`${name}: ${(text.length / 1024).toFixed(1)} kB`);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
