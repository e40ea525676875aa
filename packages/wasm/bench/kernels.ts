import {
  convArgs,
  CONV_UNIT,
  logitsArgs,
  MAP_ADD,
  MAP_CAST,
  MAP_CHUNK,
  MAP_MOVE,
  MAP_SILU,
  MAP_SOFTPLUS,
  mapArgs,
  normArgs,
  SORT_WORDS,
} from '../src/kernels/layout.generated.ts';
import { BenchHost, check, time } from './host.ts';
import { generator } from './random.ts';

/* The kernels beside scan and linear: each against float64, then timed at the sizes of mamba-130m. */

const random = generator(11);
const normal = (): number => random() + random() + random() + random() - 2;
const silu = (x: number): number => x / (1 + Math.exp(-x));
const host = await BenchHost.open('relaxed');
const zeros = { S: 1, cuSeqlens: 0, stateIndices: 0, slots: 0 };

function report(label: string, bytes: number, run: () => void, error: number): void {
  const { best, median } = time(run);
  console.log(
    `${label}: ${(bytes / best / 1e9).toFixed(1)} GB/s best, ${(bytes / median / 1e9).toFixed(1)} median, ${(best * 1e6).toFixed(0)} us (error ${error.toExponential(1)})`,
  );
}

for (const [L, D, W] of [
  [512, 1536, 4],
  [1, 1536, 4],
  [77, 45, 3],
  [5, 7, 9],
] as const) {
  const x = host.make(L * D, normal);
  const weight = host.make(D * W, normal);
  const bias = host.make(D, normal);
  const before = host.make((W - 1) * D, normal);
  const y = host.alloc(L * D * 4);
  const after = host.alloc((W - 1) * D * 4);
  const span = Math.ceil(Math.min(D, 1024) / 16) * 16;
  const tile = Math.min(32, L);
  const run = host.call(
    'causalConv1d',
    convArgs,
    {
      ...zeros,
      L,
      D,
      W,
      silu: 1,
      reverse: 0,
      span,
      tile,
      dtype: 0,
      x,
      xB: 0,
      xT: D * 4,
      xD: 4,
      y,
      yB: 0,
      yT: D * 4,
      yD: 4,
      weight,
      weightD: W * 4,
      weightW: 4,
      weightType: 0,
      bias,
      biasD: 4,
      biasType: 0,
      h0: before,
      h0B: 0,
      h0W: D * 4,
      h0D: 4,
      h0Type: 0,
      h1BySlot: 0,
      h1: after,
      h1B: 0,
      h1W: D * 4,
      h1D: 4,
      h1Type: 0,
    },
    Math.ceil(D / CONV_UNIT),
    4 * span * (2 * W + 1 + tile),
  );
  run();
  const [xs, ws, bs, hs] = [
    host.floats(x, L * D),
    host.floats(weight, D * W),
    host.floats(bias, D),
    host.floats(before, (W - 1) * D),
  ];
  const column = (c: number, d: number): number => (c < W - 1 ? hs[c * D + d]! : xs[(c - W + 1) * D + d]!);
  const expected = Array.from({ length: L * D }, (_, i) => {
    const [t, d] = [Math.floor(i / D), i % D];
    return silu(
      Array.from({ length: W }, (_unused, k) => ws[d * W + k]! * column(t + k, d)).reduce(
        (a, b) => a + b,
        bs[d]!,
      ),
    );
  });
  const error = check('conv', host.floats(y, L * D), expected, 2e-6, 2e-6);
  check(
    'conv state',
    host.floats(after, (W - 1) * D),
    Array.from({ length: (W - 1) * D }, (_, i) => column(L + Math.floor(i / D), i % D)),
    0,
    0,
  );
  report(`conv L ${L} D ${D} W ${W}`, 8 * L * D, run, error);
}

for (const [R, K, groups] of [
  [512, 768, 1],
  [1, 768, 1],
  [3, 45, 3],
] as const) {
  const [x, weight, residual, gate] = [R * K, K, R * K, R * K].map((n) => host.make(n, normal)) as [
    number,
    number,
    number,
    number,
  ];
  const [y, sum] = [host.alloc(R * K * 4), host.alloc(R * K * 4)];
  const run = host.call(
    'rmsNorm',
    normArgs,
    {
      K,
      groups,
      eps: 1e-5,
      dtype: 0,
      x,
      xR: K * 4,
      xK: 4,
      weight,
      weightK: 4,
      weightType: 0,
      sumType: 0,
      residual,
      residualR: K * 4,
      residualK: 4,
      sum,
      sumR: K * 4,
      sumK: 4,
      gate,
      gateR: K * 4,
      gateK: 4,
      y,
      yR: K * 4,
      yK: 4,
    },
    R,
    3 * 4 * Math.ceil(K / 4) * 4,
  );
  run();
  const [xs, ws, rs, gs] = [
    host.floats(x, R * K),
    host.floats(weight, K),
    host.floats(residual, R * K),
    host.floats(gate, R * K),
  ];
  const gated = Array.from(xs, (v, i) => (v + rs[i]!) * silu(gs[i]!));
  const width = K / groups;
  const expected = gated.map((v, i) => {
    const start = Math.floor(i / width) * width;
    const mean = gated.slice(start, start + width).reduce((a, b) => a + b * b, 0) / width;
    return (v / Math.sqrt(mean + 1e-5)) * ws[i % K]!;
  });
  const error = check('norm', host.floats(y, R * K), expected, 4e-6, 2e-6);
  check(
    'norm sum',
    host.floats(sum, R * K),
    Array.from(xs, (v, i) => Math.fround(v + rs[i]!)),
    0,
    0,
  );
  report(`rmsNorm R ${R} K ${K} groups ${groups}`, 20 * R * K, run, error);
}

const maps = {
  add: [MAP_ADD, (a: number, b: number) => a + b],
  silu: [MAP_SILU, silu],
  softplus: [MAP_SOFTPLUS, (a: number) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)))],
  cast: [MAP_CAST, (a: number) => a],
} as const;
for (const [name, [kind, f]] of Object.entries(maps)) {
  // (3, 50, 1536) read as a permuted view of (3, 1536, 50).
  const [A, B, C] = [3, 50, 1536] as const;
  const n = A * B * C;
  const x = host.make(n, () => 30 * normal());
  const b = host.make(n, normal);
  const y = host.alloc(n * 4);
  const strides = { x0: 0, x1: 0, x2: 0, b0: 0, b1: 0, b2: 0, y0: 0, y1: 0, y2: 0 };
  const run = host.call(
    'map',
    mapArgs,
    {
      kind,
      xType: 0,
      yType: 0,
      e0: 1,
      e1: 1,
      e2: 1,
      e3: A,
      e4: B,
      e5: C,
      ...strides,
      x,
      x3: B * C * 4,
      x4: 4,
      x5: B * 4,
      b,
      b3: B * C * 4,
      b4: C * 4,
      b5: 4,
      y,
      y3: B * C * 4,
      y4: C * 4,
      y5: 4,
    },
    A * B * Math.ceil(C / MAP_CHUNK),
    2 * 4 * MAP_CHUNK,
  );
  run();
  const [xs, bs] = [host.floats(x, n), host.floats(b, n)];
  const expected = Array.from({ length: n }, (_, i) =>
    f(xs[Math.floor(i / (B * C)) * B * C + Math.floor((i % (B * C)) / C) + (i % C) * B]!, bs[i]!),
  );
  report(`map ${name}, transposed`, 8 * n, run, check(name, host.floats(y, n), expected, 2e-6, 2e-6));
}

{
  const n = 1 << 20;
  const x = host.make(n, normal);
  const y = host.alloc(n * 4);
  const none = {
    x0: 0,
    x1: 0,
    x2: 0,
    x3: 0,
    x4: 0,
    b: 0,
    b0: 0,
    b1: 0,
    b2: 0,
    b3: 0,
    b4: 0,
    b5: 0,
    y0: 0,
    y1: 0,
    y2: 0,
    y3: 0,
    y4: 0,
    e0: 1,
    e1: 1,
    e2: 1,
    e3: 1,
    e4: 1,
  };
  for (const [label, kind, xType, yType, x5, y5] of [
    ['move', MAP_MOVE, 4, 4, 4, 4],
    ['to bf16', MAP_CAST, 0, 2, 4, 2],
    ['to f16', MAP_CAST, 0, 1, 4, 2],
    ['silu', MAP_SILU, 0, 0, 4, 4],
    ['softplus', MAP_SOFTPLUS, 0, 0, 4, 4],
  ] as const) {
    report(
      `map ${label}`,
      n * (x5 + y5),
      host.call(
        'map',
        mapArgs,
        { kind, xType, yType, e5: n, x, x5, y, y5, ...none },
        n / MAP_CHUNK,
        8 * MAP_CHUNK,
      ),
      0,
    );
  }
}

const bits = (name: string, value: number): Record<string, number> => {
  const [low, high] = new Int32Array(Float64Array.of(value).buffer);
  return { [`${name}0`]: low!, [`${name}1`]: high! };
};
for (const rules of [
  { topK: 0, topP: 1, minP: 0, temperature: 1 },
  { topK: 40, topP: 1, minP: 0, temperature: 0.7 },
  { topK: 0, topP: 0.9, minP: 0, temperature: 1 },
  { topK: 100, topP: 0.95, minP: 0.05, temperature: 1.3 },
  { topK: 0, topP: 1, minP: 0, temperature: 0 },
]) {
  const [R, V] = [20, 50277];
  const logits = host.make(R * V, (i) => 3 * normal() + (i % 97 === 0 ? 4 : 0));
  const uniform = host.make(R, random);
  const H = 64;
  const recent = host.make(R * H, () => 0);
  new Int32Array(host.memory.buffer, recent, R * H).forEach(
    (_, i, all) => (all[i] = Math.floor(random() * V) * (i % 5 === 0 ? -1 : 1)),
  );
  const [ids, logProbs] = [host.alloc(4 * R), host.alloc(4 * R)];
  const padded = Math.ceil(V / 4) * 4;
  const values = {
    V,
    vocabulary: V,
    dtype: 0,
    logits,
    logitsR: V * 4,
    logitsV: 4,
    targets: 0,
    targetsR: 0,
    loss: 0,
    ids,
    logProbs,
    uniform,
    uniformR: 4,
    H,
    recentIds: recent,
    recentR: H * 4,
    recentH: 4,
    topK: rules.topK,
    ...bits('temperature', rules.temperature),
    ...bits('topP', rules.topP),
    ...bits('minP', rules.minP),
    ...bits('repetitionPenalty', 1.1),
  } as never;
  const run = host.call('sample', logitsArgs, values, R, 4 * (2 * padded + SORT_WORDS + 4 * V));
  run();
  const us = host.floats(uniform, R);
  for (let r = 0; r < R; r++) {
    const given = Float64Array.from(host.floats(logits, R * V).subarray(r * V, (r + 1) * V));
    const row = given.slice();
    for (const id of new Set(new Int32Array(host.memory.buffer, recent, R * H).subarray(r * H, (r + 1) * H)))
      if (id >= 0) row[id] = row[id]! > 0 ? row[id]! / 1.1 : row[id]! * 1.1;
    const id = new Int32Array(host.memory.buffer, ids, R)[r]!;
    const wanted = draw(row, us[r]!, rules);
    if (id !== wanted)
      throw new Error(`sample ${JSON.stringify(rules)} row ${r}: ${id} instead of ${wanted}`);
    const most = given.reduce((a, b) => Math.max(a, b));
    check(
      'logProbs',
      [host.floats(logProbs, R)[r]!],
      [given[id]! - most - Math.log(given.reduce((s, x) => s + Math.exp(x - most), 0))],
      1e-6,
      1e-6,
    );
  }
  const { best } = time(run);
  console.log(`sample ${JSON.stringify(rules)}: ${((best / R) * 1e6).toFixed(0)} us a row of ${V}`);
}

function draw(
  row: Float64Array,
  uniform: number,
  rules: { topK: number; topP: number; minP: number; temperature: number },
): number {
  const order = Uint32Array.from(row.keys()).toSorted((a, b) => row[b]! - row[a]! || a - b);
  if (rules.temperature === 0) return order[0]!;
  const weight = (id: number): number => Math.exp((row[id]! - row[order[0]!]!) / rules.temperature);
  const sum = (list: Uint32Array): number => list.reduce((s, id) => s + weight(id), 0);
  let kept = rules.topK > 0 ? order.subarray(0, rules.topK) : order;
  const total = sum(kept);
  let reached = 0;
  if (rules.topP < 1)
    kept = kept.subarray(0, 1 + kept.findIndex((id) => (reached += weight(id)) >= rules.topP * total));
  kept = kept.filter((id) => weight(id) >= rules.minP);
  const threshold = uniform * sum(kept);
  let cumulated = 0;
  for (const id of kept) if ((cumulated += weight(id)) > threshold) return id;
  return order[0]!;
}
