import { expect, test } from 'vitest';
import { referenceEngine } from '../test/subjects.ts';
import { mambaConfig } from './config.ts';
import { initialBlock } from './initial.ts';
import { assignState, clearState, cloneState, disposeState, readState, writeState } from './state.ts';

const config = mambaConfig({ dModel: 8, dState: 4 });

async function advanced() {
  const engine = await referenceEngine();
  const block = initialBlock(engine, config);
  const state = block.createState(2);
  const x = engine.tensor(
    Array.from({ length: 96 }, (_, i) => Math.cos(i)),
    [2, 6, 8],
  );
  const advance = (): void => block.forward(x, state).dispose();
  advance();
  return { engine, state, advance };
}

test('a state has W - 1 inputs and D N states, channels contiguous in memory', async () => {
  const { engine, state } = await advanced();
  expect([state.conv.shape, state.conv.strides]).toEqual([
    [2, 3, 16],
    [48, 16, 1],
  ]);
  expect([state.ssm.shape, state.ssm.strides]).toEqual([
    [2, 16, 4],
    [64, 1, 16],
  ]);
  await engine.dispose();
});

test('a clone has the same values, the same layout and its own life', async () => {
  const { engine, state, advance } = await advanced();
  const before = await readState(state);
  const copy = cloneState(engine, state);
  expect(copy.ssm.strides).toEqual(state.ssm.strides);
  advance();
  expect(await readState(copy)).toEqual(before);
  expect(await readState(state)).not.toEqual(before);
  assignState(engine, state, copy);
  disposeState(copy);
  expect(await readState(state)).toEqual(before);
  await engine.dispose();
});

test('values that were read can be written back, in their logical order', async () => {
  const { engine, state } = await advanced();
  const values = await readState(state);
  clearState(engine, state);
  const zeros = await readState(state);
  expect(new Set([...zeros['conv']!, ...zeros['ssm']!])).toEqual(new Set([0]));
  writeState(engine, state, values);
  expect(await readState(state)).toEqual(values);
  await engine.dispose();
});

test('values that do not fit are refused before anything is written', async () => {
  const { engine, state } = await advanced();
  const values = await readState(state);
  const { conv, ssm } = values as { conv: Float32Array; ssm: Float32Array };
  const wrong = { conv: conv.map(() => 7), ssm: ssm.subarray(1) };
  expect(() => writeState(engine, state, wrong)).toThrow(expect.objectContaining({ code: 'state-mismatch' }));
  expect(() => writeState(engine, state, { conv })).toThrow('ssm is missing');
  expect(await readState(state)).toEqual(values);
  await engine.dispose();
});
