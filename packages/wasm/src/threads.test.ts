import { createRegistry } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';

const manners: readonly WasmOptions[] = [
  { mode: 'inline', threads: 2 },
  { mode: 'inline', threads: 3 },
  { mode: 'worker', threads: 1 },
  { mode: 'worker', threads: 2 },
  { mode: 'worker', threads: 3 },
];

async function open(options: WasmOptions): Promise<Engine> {
  return await createRegistry([wasm(options)]).select({ require: 'wasm' });
}

/** Every op with sizes that threads share and that no number of them divides evenly. */
async function results(options: WasmOptions): Promise<Record<string, Uint8Array>> {
  await using engine = await open(options);
  const fill = (shape: readonly number[], scale = 1): Tensor<'f32'> => {
    const size = shape.reduce((a, b) => a * b, 1);
    return engine.tensor(
      Float32Array.from({ length: size }, (_, i) => scale * Math.sin(i * 0.37 + shape.length)),
      shape,
    );
  };
  const [B, L, D, N, V] = [2, 45, 203, 5, 4099];
  const u = fill([B, L, D]);
  const scan = engine.selectiveScan({
    u,
    delta: fill([B, L, D]),
    A: fill([D, N], -1),
    B: fill([B, L, N]),
    C: fill([D, N]),
    z: fill([B, L, D]),
    softplus: true,
    finalState: true,
  });
  const conv = engine.causalConv1d({ x: u, weight: fill([D, 4]), activation: 'silu', finalState: true });
  const linear = engine.linear({ x: u, weight: engine.pack(fill([301, D])), bias: fill([301]) });
  const single = engine.linear({ x: fill([1, 811]), weight: engine.pack(fill([1003, 811])) });
  const norm = engine.rmsNorm({ x: fill([B * L, 1024]), weight: fill([1024]) });
  const logits = fill([7, V], 3);
  const drawn = engine.sample({ logits, uniform: fill([7], 0.4).reverse(0), topK: 40, topP: 0.9 });
  const gradients = engine.selectiveScanBackward({
    u,
    delta: fill([B, L, D]),
    A: fill([D, N], -1),
    B: fill([B, L, N]),
    C: fill([B, L, N]),
    dy: fill([B, L, D]),
    softplus: true,
  });
  const targets = engine.tensor(new Int32Array(7), [7]);
  const made: Record<string, Tensor> = {
    scan: scan.y,
    state: scan.finalState,
    conv: conv.y,
    past: conv.finalState,
    linear,
    single,
    norm: norm.y,
    copy: engine.copy({ x: fill([500, 700]).permute(1, 0) }),
    logProbs: drawn.logProbs,
    loss: engine.crossEntropy({ logits, targets }),
    du: gradients.du,
    dA: gradients.dA,
    dB: gradients.dB,
  };
  const read: Record<string, Uint8Array> = {};
  for (const [name, tensor] of Object.entries(made)) {
    const data = await tensor.read();
    read[name] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return read;
}

test.each(manners)('$mode mode with $threads threads gives the bits of one thread', async (manner) => {
  const alone = await results({ mode: 'inline', threads: 1 });
  expect(await results(manner)).toEqual(alone);
});

test('without relaxed SIMD the bits are others, and the same for every number of threads', async () => {
  const alone = await results({ mode: 'inline', threads: 1, relaxedSimd: false });
  expect(await results({ mode: 'worker', threads: 3, relaxedSimd: false })).toEqual(alone);
});

test('of several threads that fail the same failure is reported', async () => {
  for (const threads of [1, 2, 3]) {
    await using engine = await open({ mode: 'worker', threads });
    const ids = new Int32Array(3000).fill(1);
    for (const bad of [70, 1400, 2900]) ids[bad] = 9;
    const weight = engine.tensor(new Float32Array(4 * 256), [4, 256]);
    const y = engine.embedding({ ids: engine.tensor(ids, [3000]), weight });
    await expect(y.read()).rejects.toThrow(/id at position 70 is outside \[0, 4\)/);
  }
});
