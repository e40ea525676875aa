import { expect, test } from 'vitest';
import { SsError } from '../errors.ts';
import { exampleCall, opNames, ops } from './index.ts';
import { callOf } from './op.ts';

const differentiable = opNames.filter((op) => ops[op].gradient);

test.each(differentiable)('the gradient of %s is made of what the two ops have', (op) => {
  const { required, optional, gradient } = ops[op];
  const { op: backward, inputs = [...required, ...optional], cotangents } = gradient!;
  const taking = [...ops[backward].required, ...ops[backward].optional];
  const { outputs } = exampleCall(backward, 'f32', [2, 3, 4]);
  // A state in place is an initial one to the gradient.
  const taken = inputs.filter((name) => name !== 'state');
  expect(taken.filter((name) => !taking.includes(name))).toEqual([]);
  expect(Object.keys(cotangents).filter((name) => ![...required, ...optional].includes(name))).toEqual([]);
  const made = new Set(Object.values(cotangents));
  expect(Object.keys(outputs).filter((name) => !made.has(name))).toEqual([]);
});

test.each(opNames)('%s reaches a backend with every option that has a default', (op) => {
  const { options } = exampleCall(op, 'f32', [2, 3, 4]);
  for (const [name, definition] of Object.entries(ops[op].options)) {
    if (definition.default === undefined) continue;
    expect(options).toHaveProperty(name);
    expect(definition.accepts(definition.default)).toBe(true);
  }
});

test('defaults are those of the documentation', () => {
  expect(exampleCall('rmsNorm', 'f32', [2, 4]).options).toEqual({ eps: 1e-5, groups: 1 });
  expect(exampleCall('sample', 'f32', [2, 7]).options).toEqual({
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    vocabulary: 7,
  });
});

test('an option that must be given is asked for', () => {
  const { inputs } = ops.embeddingBackward.example('f32', [2, 3]);
  expect(() => callOf(ops.embeddingBackward, inputs, {})).toThrow(SsError);
  expect(() => callOf(ops.embeddingBackward, inputs, {})).toThrow(
    /rows is not given where a positive integer/,
  );
});
