import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGES, readJson, ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { programs } from './programs.ts';

/** Every door of every package. */
const doors = PACKAGES.flatMap((name) => {
  const { exports } = readJson<{ exports: Record<string, string> }>(`packages/${name}/package.json`);
  return Object.entries(exports)
    .filter(([, path]) => path.endsWith('.ts') && !/worker/.test(path))
    .map(([door]) => `@ss/${name}${door.slice(1)}`);
});

/** What programs are checked with: the oldest language that has all of it, types of browsers, those of Node alone. */
const surroundings: Record<string, object> = {
  'es2022 in a browser': { target: 'es2022', types: [] },
  'es2024 in a browser and Node': { target: 'es2024', types: ['node'] },
  'es2023 in Node': { target: 'es2023', lib: ['es2023'], types: ['node'] },
  'the latest, with optional properties that are never undefined': {
    target: 'esnext',
    types: ['node'],
    exactOptionalPropertyTypes: true,
  },
};

test.for(Object.entries(surroundings))(
  'every door has declarations that check without skipLibCheck: %s',
  async ([, options]) => {
    await using consumer = await installed(...PACKAGES.map((name) => `@ss/${name}`));
    // The command line is a program of Node.
    const inNode = 'types' in options && String(options.types) === 'node';
    const here = doors.filter((door) => inNode || !door.startsWith('@ss/cli'));
    const program = here.map((door, i) => `export * as door${i} from '${door}';\n`).join('');
    await writeFile(join(consumer.folder, 'doors.ts'), program);
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      module: 'nodenext',
      typeRoots: [join(ROOT, 'node_modules/@types')],
      ...options,
    };
    await writeFile(
      join(consumer.folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['doors.ts'] }),
    );
    const { code, output } = await runTool('tsc', ['-p', consumer.folder]);
    expect(code, output).toBe(0);
  },
);

const resolutions = { nodenext: 'nodenext', bundler: 'esnext' };

describe.each(Object.entries(resolutions))('under moduleResolution %s', (moduleResolution, module) => {
  test.for(programs)(
    'a strict program ($name) type-checks, declarations included',
    async ({ name, packages }) => {
      await using consumer = await installed(...packages);
      const compilerOptions = {
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'esnext',
        module,
        moduleResolution,
        allowImportingTsExtensions: true,
        types: [],
      };
      const tsconfig = { compilerOptions, files: [`${name}.ts`] };
      await writeFile(join(consumer.folder, 'tsconfig.json'), JSON.stringify(tsconfig));
      const { code, output } = await runTool('tsc', ['-p', consumer.folder]);
      expect(code, output).toBe(0);
    },
  );
});
