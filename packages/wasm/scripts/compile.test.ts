import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile } from './compile.ts';

test('a mistake is reported with the place and the sentence of the compiler', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kernels-'));
  try {
    writeFileSync(join(folder, 'index.ts'), 'export function twice(x: f32): f32 {\n  return y * 2;\n}\n');
    await expect(compile(folder, [])).rejects.toThrow(/Cannot find name 'y'[\s\S]*index\.ts\(2,10\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('exported constants are read back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kernels-'));
  try {
    writeFileSync(
      join(folder, 'index.ts'),
      'export const WIDTH: u32 = 8;\nexport function twice(x: f32): f32 {\n  return x * 2;\n}\n',
    );
    const { binary, constants } = await compile(folder, []);
    expect(constants).toBe('export const WIDTH: number = 8;\n');
    expect(WebAssembly.validate(binary)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
