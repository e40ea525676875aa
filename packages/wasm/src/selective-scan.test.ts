import { createRegistry } from '@ss/core';
import { test, expect } from 'vitest';
import { wasm } from './index.ts';

test('scan', async () => {
  const e = await createRegistry([wasm()]).select({ ops: ['selectiveScan'] });
  const r = await createRegistry([]).select();
  console.log(e.decision?.summary);
  const B = 2, L = 37, D = 6, N = 5, G = 2;
  const rnd = (n: number) => Array.from({ length: n }, () => Math.random() * 2 - 1);
  const data = { u: rnd(B*L*D), delta: rnd(B*L*D), A: rnd(D*N).map((x) => -Math.abs(x)), B: rnd(B*L*G*N), C: rnd(D*N), D: rnd(D), z: rnd(B*L*D), deltaBias: rnd(D), initialState: rnd(B*D*N) };
  const run = async (x: typeof e, reverse: boolean) => {
    const t = (v: number[], s: number[]) => x.tensor(v, s);
    const o = x.selectiveScan({ u: t(data.u, [B,L,D]), delta: t(data.delta, [B,L,D]), A: t(data.A, [D,N]), B: t(data.B, [B,L,G,N]), C: t(data.C, [D,N]), D: t(data.D,[D]), z: t(data.z,[B,L,D]), deltaBias: t(data.deltaBias,[D]), initialState: t(data.initialState,[B,D,N]), softplus: true, finalState: true, reverse });
    return [await o.y.read(), await o.finalState.read()];
  };
  for (const reverse of [false, true]) {
    const [a, b] = [await run(e, reverse), await run(r, reverse)];
    for (const k of [0, 1]) { const w = Math.max(...Array.from(a[k]!, (v, i) => Math.abs(Number(v) - Number(b[k]![i]))));
    expect(w).toBeLessThan(1e-5); expect(w).toBeGreaterThan(0); }
  }
});
