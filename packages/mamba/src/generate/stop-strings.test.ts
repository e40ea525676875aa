import { CounterRandom } from '@ss/mamba-block';
import { expect, test } from 'vitest';
import { StopStrings } from './stop-strings.ts';

/** What is shown of text that comes in these pieces, and what of the pieces was left unread. */
function show(
  stops: readonly string[],
  pieces: readonly string[],
): { text: string; stopped: boolean; held: boolean } {
  const watch = new StopStrings(stops);
  let text = '';
  let held = false;
  for (const piece of pieces) {
    const next = watch.push(piece);
    text += next.text;
    held ||= next.text !== piece && !next.stopped;
    if (next.stopped) return { text, stopped: true, held };
  }
  return { text: text + watch.end(), stopped: false, held };
}

test('text without a stop string comes through', () => {
  expect(show(['###'], ['ab', 'cd'])).toEqual({ text: 'abcd', stopped: false, held: false });
});

test('text ends before a stop string, however it is cut', () => {
  for (const pieces of [['ab###cd'], ['ab#', '##cd'], ['ab', '#', '#', '#'], ['ab##', '#cd']]) {
    expect(show(['###'], pieces)).toMatchObject({ text: 'ab', stopped: true });
  }
});

test('what turns out to be no stop string is shown after all', () => {
  expect(show(['###'], ['ab##', 'cd'])).toEqual({ text: 'ab##cd', stopped: false, held: true });
  expect(show(['###'], ['ab##'])).toEqual({ text: 'ab##', stopped: false, held: true });
});

test('a beginning inside a beginning is found', () => {
  expect(show(['aab'], ['a', 'a', 'a', 'b'])).toMatchObject({ text: 'a', stopped: true });
});

test('the earliest of several stop strings counts', () => {
  expect(show(['world', 'lo'], ['hello world'])).toMatchObject({ text: 'hel', stopped: true });
});

test('cutting makes no difference: any pieces of a text show the same', () => {
  const random = new CounterRandom(1);
  const pick = (n: number): number => Math.floor(random.next() * n);
  for (let round = 0; round < 500; round++) {
    const text = Array.from({ length: 12 }, () => 'ab'[pick(2)]).join('');
    const stop = Array.from({ length: 1 + pick(4) }, () => 'ab'[pick(2)]).join('');
    const cut = 1 + pick(11);
    const whole = show([stop], [text]);
    expect(show([stop], [text.slice(0, cut), text.slice(cut)]).text).toBe(whole.text);
    expect(show([stop], text.split('')).text).toBe(whole.text);
    expect(whole.text).toBe(text.split(stop)[0]);
  }
});
