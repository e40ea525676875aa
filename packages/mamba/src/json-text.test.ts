import { describe, expect, test } from 'vitest';
import { duplicateKey, overBudget, parsePythonJson } from './json-text.ts';

const long = 'x'.repeat(10_000_000);

describe('a JSON text', () => {
  test.for([
    ['{"a": 1, "b": {"a": 2}}', undefined],
    ['{"a": 1, "a": 2}', 'a'],
    [String.raw`{"a": 1, "\u0061": 2}`, 'a'],
    [String.raw`{"\\": "\"a\": 1", "b": [{"b": "}"}], "c": {}}`, undefined],
    [JSON.stringify({ note: long, escaped: '\\"'.repeat(1_000_000) }), undefined],
  ] as const)('%# has no key twice, or this one', ([text, key]) => {
    expect(duplicateKey(text)).toBe(key);
  });

  test('may have the constants of Python, outside its strings', () => {
    const text = String.raw`{"a": [Infinity, -Infinity, NaN, 1], "b": "NaN, \"Infinity", "NaN": 2}`;
    expect(parsePythonJson(text)).toEqual({
      a: [Infinity, -Infinity, null, 1],
      b: 'NaN, "Infinity',
      NaN: 2,
    });
    expect(parsePythonJson(`{"a": NaN, "b": "${long}"}`)).toEqual({ a: null, b: long });
    expect(() => parsePythonJson('{"a": Nothing}')).toThrow(SyntaxError);
  });

  test('is measured before it is parsed', () => {
    const budget = { depth: 3, values: 5 };
    expect(overBudget('{"a": [[1, 2]]}', budget)).toBeUndefined();
    expect(overBudget('[[[[]]]]', budget)).toContain('4 deep');
    expect(overBudget('[1, 2, 3, 4, 5, 6]', budget)).toContain('6 values');
    expect(overBudget('"[[[[[[,,,,,,,,"', budget)).toBeUndefined();
    expect(overBudget('['.repeat(5_000_000), budget)).toContain('5000000 deep');
  });
});
