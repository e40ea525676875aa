import { describe, expect, test } from 'vitest';
import { BenchHost } from '../../bench/host.ts';
import { generator } from '../../bench/random.ts';
import { SCAN_UNIT, scanArgs } from './layout.generated.ts';

/** Bytes around results that no kernel may change. */
const guard = 64;
const pattern = 0xa5;

interface Problem {
  readonly host: BenchHost;
  readonly L: number;
  readonly D: number;
  readonly N: number;
  readonly u: number;
  readonly delta: number;
  readonly A: number;
  readonly B: number;
  readonly C: number;
}

function problem(host: BenchHost, L: number, D: number, N: number, delta: number, decay: number): Problem {
  const random = generator(5);
  const signed = (): number => 2 * random() - 1;
  return {
    host,
    L,
    D,
    N,
    u: host.make(L * D, signed),
    delta: host.make(L * D, () => delta * random()),
    A: host.make(D * N, () => -decay * random()),
    B: host.make(L * N, signed),
    C: host.make(L * N, signed),
  };
}

/** y and final state of steps `first` to `end`, as bits; the units are cut where `cuts` say. */
function scan(
  p: Problem,
  first: number,
  end: number,
  before: Uint8Array | undefined,
  cuts: readonly number[] = [],
): { y: Uint8Array; h: Uint8Array } {
  const { host, D, N } = p;
  const L = end - first;
  const [yBytes, hBytes] = [L * D * 4, D * N * 4];
  const result = host.alloc(yBytes + hBytes + 3 * guard);
  const y = result + guard;
  const h1 = y + yBytes + guard;
  const h0 = before ? host.alloc(hBytes) : 0;
  const scratch = 4 * ((D + 16) * (2 * N + 3 * 32 + 5) + 2 * 32 * N);
  const bld = (name: 'u' | 'delta' | 'y', at: number): Record<string, number> => ({
    [name]: at + (name === 'y' ? 0 : first * D * 4),
    [`${name}B`]: 0,
    [`${name}T`]: D * 4,
    [`${name}H`]: 0,
    [`${name}P`]: 4,
  });
  const bln = (name: 'B' | 'C', at: number): Record<string, number> => ({
    [`${name}Varies`]: 1,
    [`${name}s`]: at + first * N * 4,
    [`${name}B`]: 0,
    [`${name}T`]: N * 4,
    [`${name}G`]: 0,
    [`${name}H`]: 0,
    [`${name}P`]: 0,
    [`${name}N`]: 4,
    [`${name}Type`]: 0,
  });
  const state = (name: 'h0' | 'h1', at: number): Record<string, number> => ({
    [name]: at,
    [`${name}B`]: 0,
    [`${name}H`]: 0,
    [`${name}P`]: 4,
    [`${name}N`]: D * 4,
  });
  const run = host.call(
    'selectiveScan',
    scanArgs,
    {
      ...Object.fromEntries(Object.keys(scanArgs).map((field) => [field, 0])),
      S: 1,
      L,
      H: 1,
      P: D,
      N,
      headsPerGroup: 1,
      span: Math.ceil(D / 16) * 16,
      tile: Math.min(L, 32),
      ...bld('u', p.u),
      ...bld('delta', p.delta),
      ...bld('y', y),
      ...bln('B', p.B),
      ...bln('C', p.C),
      A: p.A,
      AP: 4,
      AN: D * 4,
      ...state('h0', h0),
      ...state('h1', h1),
    } as never,
    Math.ceil(D / SCAN_UNIT),
    scratch,
  );
  const bytes = new Uint8Array(host.memory.buffer);
  bytes.fill(pattern, result, h1 + hBytes + guard);
  if (before) bytes.set(before, h0);
  run(...cuts);
  for (const start of [result, y + yBytes, h1 + hBytes]) {
    expect(
      bytes.subarray(start, start + guard).every((byte) => byte === pattern),
      'bytes around the results',
    ).toBe(true);
  }
  return { y: bytes.slice(y, y + yBytes), h: bytes.slice(h1, h1 + hBytes) };
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

describe.each(['baseline', 'relaxed'] as const)('the %s scan kernel', (variant) => {
  // 45 channels end in the middle of a vector; 5 states are two pairs and one; 37 steps are a tile and a bit.
  const shape = [37, 45, 5] as const;

  test('gives the same bits however its units are divided', async () => {
    const p = problem(await BenchHost.open(variant), ...shape, 0.5, 16);
    const whole = scan(p, 0, 37, undefined);
    for (const cuts of [[1], [2], [1, 2]]) expect(scan(p, 0, 37, undefined, cuts)).toEqual(whole);
  });

  test.each([
    ['decays of every size', 0.5, 16],
    ['decays that leave the range of exp', 400, 16],
    ['near-integrators', 1e-4, 1],
  ])('gives the same bits in chunks and in steps: %s', async (_what, delta, decay) => {
    const p = problem(await BenchHost.open(variant), ...shape, delta, decay);
    const whole = scan(p, 0, 37, undefined);
    for (const chunk of [1, 2, 5, 32]) {
      let h: Uint8Array | undefined;
      const parts: number[] = [];
      for (let t = 0; t < 37; t += chunk) {
        const part = scan(p, t, Math.min(37, t + chunk), h);
        h = part.h;
        parts.push(...part.y);
      }
      expect(Uint8Array.from(parts), `chunks of ${chunk}`).toEqual(whole.y);
      expect(h).toEqual(whole.h);
    }
  });

  test('forgets completely when the decay underflows', async () => {
    const p = problem(await BenchHost.open(variant), 1, 8, 2, 0, 0);
    const { host } = p;
    host.floats(p.delta, 8).fill(400);
    host.floats(p.A, 16).fill(-16);
    host.floats(p.u, 8).fill(0);
    const h = scan(p, 0, 1, new Uint8Array(Float32Array.from({ length: 16 }, () => 3e38).buffer)).h;
    expect([...floats(h)]).toEqual(Array.from({ length: 16 }, () => 0));
  });

  test('remembers exactly when there is no decay', async () => {
    const p = problem(await BenchHost.open(variant), 1, 8, 2, 1, 0);
    p.host.floats(p.u, 8).fill(0);
    const before = Float32Array.from({ length: 16 }, (_, i) => i / 7);
    expect(floats(scan(p, 0, 1, new Uint8Array(before.buffer)).h)).toEqual(before);
  });

  test('keeps the decays of a near-integrator apart from 1 over 100000 steps', async () => {
    const L = 100_000;
    const p = problem(await BenchHost.open(variant), L, 4, 1, 0, 0);
    p.host.floats(p.u, L * 4).fill(0);
    p.host.floats(p.delta, L * 4).fill(1);
    const rates = [1e-5, 3e-5, 1e-4, 3e-4];
    p.host.floats(p.A, 4).set(rates.map((rate) => -rate));
    const h = floats(scan(p, 0, L, new Uint8Array(Float32Array.of(1, 1, 1, 1).buffer)).h);
    // Each step rounds once more; L roundings of half an ulp that do not all point one way.
    for (const [i, rate] of rates.entries())
      expect(Math.abs(Math.log(h[i]!) + rate * L)).toBeLessThan(L * 2 ** -25);
  });
});
