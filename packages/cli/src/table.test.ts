import { expect, test } from 'vitest';
import { table } from './table.ts';

test('columns are aligned, numbers to the right', () => {
  expect(
    table([
      ['name', 'time'],
      ['scan', '1.5 ms'],
      ['convolution', '12 ms'],
    ]),
  ).toBe(['name           time', 'scan         1.5 ms', 'convolution   12 ms'].join('\n'));
});

test('a column with one word in it is text', () => {
  expect(
    table([
      ['a', 'b'],
      ['x', '10'],
      ['y', 'none'],
    ]),
  ).toBe(['a  b', 'x  10', 'y  none'].join('\n'));
});
