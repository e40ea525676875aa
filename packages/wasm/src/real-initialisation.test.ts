import { createRegistry, tensor } from '@ss/core';
import type { Shape, Tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { wasm } from './index.ts';

/*
 * A from -1 to -16 and time steps from 1e-3 to 0.1, as Mamba initialises a layer, and time steps up to 5. The
 * chunked cumulative sum has NaN in a fifth of its gradients at its own default chunk of 64 there, fails at
 * L = 1 and drops the last step where L is 1 more than a multiple of the chunk.
 */
const registry = createRegistry([wasm({ threads: 1, mode: 'inline' })]);
const [B, D, N] = [1, 8, 16];
const lengths = [...Array.from({ length: 300 }, (_, i) => i + 1), 4096];

let state = 1;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

function noise(...shape: number[]): Tensor {
  return made(shape, () => 2 * random() - 1);
}

function made(shape: Shape, value: (i: number) => number): Tensor {
  return tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i)),
    shape,
  );
}

test.each([
  ['reference', 0.1],
  ['wasm', 0.1],
  ['wasm', 5],
])(
  '%s: every output and gradient is finite at every length, with time steps up to %s',
  async (backend, longest) => {
    await using engine = await registry.select({ require: backend });
    const A = made([D, N], (i) => -1 - (i % N));
    const deltaBias = made([D], () =>
      Math.log(Math.expm1(Math.exp(Math.log(1e-3) + random() * Math.log(longest / 1e-3)))),
    );
    const wrong: string[] = [];
    for (const L of lengths) {
      const args = {
        u: noise(B, L, D),
        delta: noise(B, L, D),
        A,
        B: noise(B, L, N),
        C: noise(B, L, N),
        D: noise(D),
        z: noise(B, L, D),
        deltaBias,
        initialState: noise(B, D, N),
        softplus: true,
      };
      using forward = engine.selectiveScan({ ...args, finalState: true });
      using gradients = engine.selectiveScanBackward({
        ...args,
        dy: noise(B, L, D),
        dfinalState: noise(B, D, N),
      });
      for (const [name, output] of Object.entries({ ...forward, ...gradients }) as [
        string,
        Tensor<'f32'>,
      ][]) {
        if (!(await output.read()).every(Number.isFinite)) wrong.push(`${name} at L ${L}`);
      }
    }
    expect(wrong).toEqual([]);
  },
);
