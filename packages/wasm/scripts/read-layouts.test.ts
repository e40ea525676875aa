import { expect, test } from 'vitest';
import { readLayouts } from './read-layouts.ts';

test('classes become objects of their fields in order, comments left out', () => {
  const source = `/** Doc { of; it. */\n@unmanaged\nexport class FirstArgs {\n  B: u32;\n  /** why; what */\n  x: usize;\n  xB: isize;\n  eps: f32;\n}\n`;
  expect(readLayouts(source)).toBe(
    `export const firstArgs = {\n  B: 'i32',\n  x: 'i32',\n  xB: 'i32',\n  eps: 'f32',\n} as const;\n`,
  );
});

test('a field that is not one word is refused by name', () => {
  expect(() => readLayouts('export class WideArgs { scale: f64; }')).toThrow('WideArgs: "scale: f64"');
});

test('a file without argument classes is refused', () => {
  expect(() => readLayouts('class Own { a: u32; }')).toThrow('no argument class');
});
