import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { programs } from './programs.ts';

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
