import { expect, test } from 'vitest';
import { abortedError, SsError, throwIfAborted } from './errors.ts';

test('an error has a code, both sides as data, and what helps at its end', () => {
  const cause = new Error('below');
  const error = new SsError('shape-mismatch', 'u does not fit.', {
    hint: 'Transpose it.',
    details: { D: 4 },
    cause,
  });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'SsError',
    code: 'shape-mismatch',
    message: 'u does not fit. Transpose it.',
    hint: 'Transpose it.',
    details: { D: 4 },
    cause,
  });
  expect(new SsError('aborted', 'x')).toMatchObject({ hint: undefined, details: {}, name: 'AbortError' });
});

test('it is recognised by its mark and code, nothing else is', () => {
  const error = new SsError('device-lost', 'gone');
  expect([SsError.is(error), SsError.is(error, 'device-lost'), SsError.is(error, 'aborted')]).toEqual([
    true,
    true,
    false,
  ]);
  for (const other of [new Error('x'), { code: 'device-lost' }, null, undefined, 'device-lost']) {
    expect(SsError.is(other)).toBe(false);
  }
});

test('an abort carries the reason of its signal', () => {
  const reason = new Error('changed my mind');
  const { signal } = { signal: AbortSignal.abort(reason) };
  expect(() => throwIfAborted(signal, 'reading')).toThrow(
    expect.objectContaining({ code: 'aborted', cause: reason }),
  );
  expect(abortedError(signal, 'reading').message).toBe('Aborted while reading.');
  throwIfAborted(undefined, 'reading');
  throwIfAborted(new AbortController().signal, 'reading');
});
