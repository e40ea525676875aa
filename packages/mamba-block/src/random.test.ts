import { describe, expect, test } from 'vitest';
import { CounterRandom, philox } from './random.ts';

describe('Philox4x32-10', () => {
  // Known answers of Random123, tests/kat_vectors.
  test.for([
    { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ] as const)('gives the known answer for counter $counter', ({ counter, key, words }) => {
    expect(philox([...counter], [...key])).toEqual(words);
  });
});

describe('the random numbers of a seed', () => {
  test('are the same in sequence and one by one', () => {
    const sequence = new CounterRandom(7, 3);
    const direct = new CounterRandom(7, 3);
    for (let i = 0; i < 10; i++) expect(sequence.next()).toBe(direct.at(i));
  });

  test('lie in [0, 1) and are exact in f32', () => {
    const random = new CounterRandom(1);
    for (let i = 0; i < 1000; i++) {
      const value = random.next();
      expect(value).toBe(Math.fround(value));
      expect(value >= 0 && value < 1).toBe(true);
    }
  });

  test('differ between seeds, streams, and seeds that share their low 32 bits', () => {
    const first = [
      new CounterRandom(1),
      new CounterRandom(2),
      new CounterRandom(1, 1),
      new CounterRandom(2 ** 32 + 1),
    ];
    expect(new Set(first.map((random) => random.next())).size).toBe(first.length);
  });

  test('are uniform: mean 1/2 and variance 1/12 within 5 deviations', () => {
    const random = new CounterRandom(5);
    const n = 20_000;
    const values = Array.from({ length: n }, () => random.next());
    const mean = values.reduce((a, b) => a + b) / n;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n;
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    // The fourth central moment of a uniform number is 1/80.
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(5 * Math.sqrt((1 / 80 - 1 / 144) / n));
  });

  test('are normal: mean 0 and variance 1 within 5 deviations', () => {
    const random = new CounterRandom(5);
    const n = 20_000;
    const values = Array.from({ length: n }, () => random.normal());
    expect(Math.abs(values.reduce((a, b) => a + b) / n)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(values.reduce((a, b) => a + b * b, 0) / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });
});
