/*
 * The gradient of the scan: checked against core's reference in float64 on a small shape, then timed.
 *
 *   node packages/wasm/bench/scan-backward.ts [baseline|relaxed]
 */
import { tensor } from '@ss/core';
import type { Tensor } from '@ss/core';
import { Engine } from '@ss/core/engine';
import { createReferenceBackend } from '@ss/core/reference';
import { scanBackwardArgs, sumPartsArgs } from '../src/kernels/layout.generated.ts';
import { BenchHost, check, time } from './host.ts';

const variant = process.argv[2] === 'baseline' ? 'baseline' : 'relaxed';
let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
};

interface Shape {
  readonly B: number;
  readonly L: number;
  readonly D: number;
  readonly N: number;
}

async function prepare({ B, L, D, N }: Shape, flags: { z: boolean; reverse: boolean }) {
  const host = await BenchHost.open(variant);
  const slices = Math.min(8, Math.ceil(D / 8));
  const slice = Math.ceil(Math.ceil(D / slices) / 8) * 8;
  const realSlices = Math.ceil(D / slice);
  const at = {
    u: host.make(B * L * D, random),
    delta: host.make(B * L * D, () => random() * 0.5),
    z: flags.z ? host.make(B * L * D, random) : 0,
    dy: host.make(B * L * D, random),
    A: host.make(D * N, (i) => -1 - (i % N)),
    B: host.make(B * L * N, random),
    C: host.make(B * L * N, random),
    D: host.make(D, random),
    bias: host.make(D, () => -3 + random()),
    h0: host.make(B * D * N, random),
    dh1: host.make(B * D * N, random),
  };
  const out = {
    du: host.alloc(B * L * D * 4),
    ddelta: host.alloc(B * L * D * 4),
    dz: flags.z ? host.alloc(B * L * D * 4) : 0,
    dh0: host.alloc(B * D * N * 4),
    dA: host.alloc(B * D * N * 4),
    dB: host.alloc(realSlices * B * L * N * 4),
    dC: host.alloc(realSlices * B * L * N * 4),
    dD: host.alloc(B * D * 4),
    dbias: host.alloc(B * D * 4),
    sumB: host.alloc(B * L * N * 4),
    sumC: host.alloc(B * L * N * 4),
    sumA: host.alloc(D * N * 4),
  };
  const big = (name: string, pointer: number): Record<string, number> => ({
    [name]: pointer,
    [`${name}B`]: L * D * 4,
    [`${name}T`]: D * 4,
    [`${name}H`]: 0,
    [`${name}P`]: 4,
  });
  const state = (name: string, pointer: number): Record<string, number> => ({
    [name]: pointer,
    [`${name}B`]: D * N * 4,
    [`${name}H`]: 0,
    [`${name}P`]: N * 4,
    [`${name}N`]: 4,
  });
  const rows = (name: string, pointer: number): Record<string, number> => ({
    [`${name}Varies`]: 1,
    [`${name}s`]: pointer,
    [`${name}B`]: L * N * 4,
    [`${name}T`]: N * 4,
    [`${name}G`]: 0,
    [`${name}H`]: 0,
    [`${name}P`]: 0,
    [`${name}N`]: 4,
    [`${name}Type`]: 0,
  });
  const values = {
    B,
    L,
    H: 1,
    P: D,
    N,
    headsPerGroup: 1,
    softplus: 1,
    reverse: flags.reverse ? 1 : 0,
    S: B,
    cuSeqlens: 0,
    stateIndices: 0,
    slots: B,
    slice,
    slices: realSlices,
    dtype: 0,
    ...big('u', at.u),
    ...big('delta', at.delta),
    ...big('z', at.z),
    ...big('dy', at.dy),
    ...big('du', out.du),
    ...big('ddelta', out.ddelta),
    ...big('dz', out.dz),
    A: at.A,
    AH: 0,
    AP: N * 4,
    AN: 4,
    AType: 0,
    ...rows('B', at.B),
    ...rows('C', at.C),
    BB: L * N * 4,
    CB: L * N * 4,
    D: at.D,
    DH: 0,
    DP: 4,
    DType: 0,
    bias: at.bias,
    biasH: 0,
    biasP: 4,
    biasType: 0,
    ...state('h0', at.h0),
    ...state('dh0', out.dh0),
    ...state('dh1', at.dh1),
    dA: out.dA,
    dB: out.dB,
    dC: out.dC,
    dD: out.dD,
    dbias: out.dbias,
  };
  const run = host.call('selectiveScanBackward', scanBackwardArgs, values as never, B * realSlices, 64 << 20);
  const sum = (parts: number, to: number, count: number, partBytes: number, n: number): (() => void) =>
    host.call(
      'sumParts',
      sumPartsArgs,
      {
        out: to,
        outRow: n * 4,
        outGroup: 0,
        outStride: 4,
        dtype: 0,
        groups: 1,
        width: n,
        parts,
        partsPerGroup: count,
        partBytes,
      },
      partBytes / n / 4,
      1024,
    );
  const sums = [
    sum(out.dB, out.sumB, realSlices, B * L * N * 4, N),
    sum(out.dC, out.sumC, realSlices, B * L * N * 4, N),
    sum(out.dA, out.sumA, B, D * N * 4, N),
  ];
  return {
    host,
    at,
    out,
    run: () => {
      run();
      for (const s of sums) s();
    },
  };
}

for (const flags of [
  { z: true, reverse: false },
  { z: false, reverse: true },
]) {
  for (const shape of [
    { B: 2, L: 70, D: 24, N: 5 },
    { B: 1, L: 130, D: 13, N: 16 },
    { B: 1, L: 1, D: 3, N: 1 },
  ]) {
    const { B, L, D, N } = shape;
    const { host, at, out, run } = await prepare(shape, flags);
    run();
    const engine = new Engine(createReferenceBackend());
    const t = (pointer: number, ...dims: number[]): Tensor =>
      tensor(
        host.floats(
          pointer,
          dims.reduce((a, b) => a * b, 1),
        ),
        dims,
        'f64',
      );
    const gradients = engine.selectiveScanBackward({
      u: t(at.u, B, L, D),
      delta: t(at.delta, B, L, D),
      A: t(at.A, D, N),
      B: t(at.B, B, L, N),
      C: t(at.C, B, L, N),
      D: t(at.D, D),
      deltaBias: t(at.bias, D),
      ...(flags.z && { z: t(at.z, B, L, D) }),
      initialState: t(at.h0, B, D, N),
      dfinalState: t(at.dh1, B, D, N),
      dy: t(at.dy, B, L, D),
      softplus: true,
      reverse: flags.reverse,
    });
    const compare = async (name: keyof typeof gradients & string, pointer: number): Promise<void> => {
      const expected = (await (gradients[name] as Tensor).read()) as Float64Array;
      check(`${name} ${JSON.stringify(shape)}`, host.floats(pointer, expected.length), expected, 1e-4, 1e-4);
    };
    await compare('du', out.du);
    await compare('ddelta', out.ddelta);
    if (flags.z) await compare('dz', out.dz);
    await compare('dinitialState', out.dh0);
    await compare('dA', out.sumA);
    await compare('dB', out.sumB);
    await compare('dC', out.sumC);
    if (B === 1) {
      await compare('dD', out.dD);
      await compare('ddeltaBias', out.dbias);
    }
  }
}
const shape = { B: 1, L: 2048, D: 1536, N: 16 };
for (const z of [false, true]) {
  const { run } = await prepare(shape, { z, reverse: false });
  const { best, median } = time(run, 5);
  const updates = shape.L * shape.D * shape.N;
  console.log(
    `${variant}, z ${z}: backward median ${(median * 1000).toFixed(1)} ms, best ${(best * 1000).toFixed(1)} ms, ${(updates / median / 1e9).toFixed(2)} G updates/s`,
  );
}
