import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { isMissing, NO_NODE_22, nodes } from './nodes.ts';
import { MODEL } from './programs.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(({ 1: kind, 2: code = '' }) => ({
  kind,
  code,
}));
const [[, node]] = nodes as readonly [(typeof nodes)[number]];

test.for(examples.filter(({ kind }) => kind === 'js').map(({ code }, i) => [i + 1, code] as const))(
  'the JavaScript example %i of the README runs under Node 22 as it stands',
  async ([, code], { skip }) => {
    skip(isMissing(node), NO_NODE_22);
    await run('main.js', code);
  },
);

test.for(examples.filter(({ kind }) => kind === 'ts').map(({ code }, i) => [i + 1, code] as const))(
  'the TypeScript example %i of the README runs under Node 22 when it is compiled',
  async ([, code], { skip }) => {
    skip(isMissing(node), NO_NODE_22);
    await run('main.ts', code);
  },
);

async function run(file: string, code: string): Promise<void> {
  await using consumer = await installed('@ss/mamba', '@ss/wasm');
  const at = (name: string): string => join(consumer.folder, name);
  await mkdir(at('test/models'), { recursive: true });
  await symlink(MODEL, at('test/models/tiny-shakespeare'));
  await writeFile(at(file), `${code}\nexport {};\n`);
  if (file.endsWith('.ts')) {
    const compilerOptions = { target: 'es2022', module: 'nodenext', outDir: '.', noCheck: true };
    await writeFile(at('tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const compiled = await runTool('tsc', ['-p', consumer.folder]);
    expect(compiled.code, compiled.output).toBe(0);
  }
  const { code: status, output } = await runTool(node, ['main.js'], consumer.folder);
  expect(status, output).toBe(0);
}
