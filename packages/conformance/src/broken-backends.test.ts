import { accessor, createHostBackend, encode, forEachPosition, SsError } from '@ss/core';
import type { Backend, BoundCall, HostKernel, TensorArg } from '@ss/core';
import { Engine } from '@ss/core/engine';
import { expect, test } from 'vitest';
import { runConformance } from './index.ts';
import type { CaseResult } from './index.ts';

/** What a scan may do wrong. */
type Mistake =
  | 'group map'
  | 'last step'
  | 'gate before skip'
  | 'softplus overflow'
  | 'order of the sum'
  | 'strides ignored'
  | 'output added to'
  | 'argument overwritten'
  | 'tail out of bounds'
  | 'state not updated'
  | 'initial state ignored'
  | 'reverse ignored'
  | 'batch leaks into batch'
  | 'divides by the cumulated decay'
  | 'padding touched'
  | 'state written twice'
  | 'absent skip is zero'
  | 'gate without its limit';

let runs = 0;

/** A scan in plain loops, right but for one mistake. */
function scan(call: BoundCall<Uint8Array>, mistake?: Mistake): void {
  const { inputs, outputs, options } = call;
  const { B, L, D, N, G } = call.sizes as { B: number; L: number; D: number; N: number; G: number };
  const read = (arg: TensorArg<Uint8Array> | undefined): Float64Array | undefined => {
    if (!arg) return undefined;
    const source = accessor(arg.buffer, arg.dtype);
    const out: number[] = [];
    if (mistake === 'strides ignored')
      for (let i = 0; i < arg.shape.reduce((a, b) => a * b, 1); i++) out.push(source.get(arg.offset + i));
    else forEachPosition(arg, (position) => out.push(source.get(position)));
    return Float64Array.from(out);
  };
  const [u, delta, A, b, c, skip, z, bias] = ['u', 'delta', 'A', 'B', 'C', 'D', 'z', 'deltaBias'].map(
    (name) => read(inputs[name]),
  );
  const state = inputs['state'] ?? inputs['initialState'];
  const given = mistake === 'initial state ignored' ? undefined : read(state);
  const indices = read(inputs['stateIndices']);
  const starts = read(inputs['cuSeqlens']);
  const sequences = starts ? starts.length - 1 : B;
  const y = outputs['y']!;
  const target = accessor(y.buffer, y.dtype);
  const final = inputs['state'] ? read(inputs['state'])! : new Float64Array(sequences * D * N);
  const varying = (name: 'B' | 'C', row: number, t: number, d: number, n: number): number => {
    const { shape } = inputs[name]!;
    if (shape.length === 2) return d * N + n;
    const groups = shape.length === 4 ? G : 1;
    const g = mistake === 'group map' ? d % groups : Math.floor(d / (D / groups));
    return ((row * L + t) * groups + g) * N + n;
  };
  const slots = state?.shape[0] ?? 0;
  if (indices?.some((slot) => slot >= slots)) throw new RangeError('a slot is outside the states');
  const used = inputs['state'] ? [...(indices ?? [])].filter((slot) => slot >= 0) : [];
  if (new Set(used).size < used.length && mistake !== 'state written twice')
    throw new RangeError('a state is written twice');
  if (starts?.some((start, s) => start > L || start < (starts[s - 1] ?? 0)))
    throw new RangeError('cuSeqlens leave the row');
  runs++;
  let previous = new Float64Array(N);
  for (let s = 0; s < sequences; s++) {
    const row = starts ? 0 : s;
    const first = starts ? starts[s]! : 0;
    const length = starts ? starts[s + 1]! - first : L;
    const slot = indices ? indices[s]! : s;
    for (let d = 0; d < D; d++) {
      if (slot < 0) {
        for (let t = first; t < first + length; t++)
          target.set((row * L + t) * D + d, mistake === 'padding touched' ? 1 : 0);
        continue;
      }
      const from = (slot * D + d) * N;
      let h = given
        ? given.slice(from, from + N)
        : mistake === 'batch leaks into batch' && s > 0
          ? previous
          : new Float64Array(N);
      let decay = new Float64Array(N).fill(1);
      const steps = mistake === 'last step' && length % 2 === 1 && length > 1 ? length - 1 : length;
      for (let step = 0; step < steps; step++) {
        const t = first + (options['reverse'] && mistake !== 'reverse ignored' ? length - 1 - step : step);
        const at = (row * L + t) * D + d;
        let dt = delta![at]! + (bias ? bias[d]! : 0);
        if (options['softplus']) {
          dt =
            mistake === 'softplus overflow'
              ? Math.log1p(Math.fround(Math.exp(dt)))
              : Math.max(dt, 0) + Math.log1p(Math.exp(-Math.abs(dt)));
        }
        let sum = 0;
        for (let k = 0; k < N; k++) {
          const n = mistake === 'order of the sum' && runs % 2 === 0 ? N - 1 - k : k;
          const a = Math.exp(dt * A![d * N + n]!);
          const input = dt * b![varying('B', row, t, d, n)]! * u![at]!;
          if (mistake === 'divides by the cumulated decay') {
            decay[n] = Math.fround(decay[n]! * a);
            h[n] = Math.fround(h[n]! + input / decay[n]!);
            sum += h[n]! * decay[n]! * c![varying('C', row, t, d, n)]!;
          } else {
            h[n] = a * h[n]! + input;
            sum = Math.fround(sum + h[n]! * c![varying('C', row, t, d, n)]!);
          }
        }
        const closed = z?.[at] === -Infinity && mistake !== 'gate without its limit';
        const gate = closed ? 0 : z ? z[at]! / (1 + Math.exp(-z[at]!)) : 1;
        const factor = skip ? skip[d]! : 0;
        const skipped = skip || mistake === 'absent skip is zero' ? factor * u![at]! : 0;
        const value = mistake === 'gate before skip' ? sum * gate + skipped : (sum + skipped) * gate;
        target.set(y.offset + at, mistake === 'output added to' ? target.get(y.offset + at) + value : value);
      }
      if (mistake === 'divides by the cumulated decay') h = h.map((x, n) => x * decay[n]!);
      decay = new Float64Array(0);
      previous = h.slice();
      final.set(h, inputs['state'] ? from : (s * D + d) * N);
    }
  }
  if (mistake === 'argument overwritten') inputs['delta']!.buffer.fill(0, 0, 2);
  if (mistake === 'tail out of bounds' && D % 4 !== 0)
    y.buffer.set(encode([0], y.dtype), (y.offset + B * L * D) * (y.dtype === 'f32' ? 4 : 2));
  const after = outputs['finalState'] ?? inputs['state'];
  if (!after || (mistake === 'state not updated' && inputs['state'])) return;
  const written = accessor(after.buffer, after.dtype);
  let i = 0;
  forEachPosition(after, (position) => written.set(position, final[i++]!));
}

const device = { kind: 'cpu', name: 'test', facts: {} } as const;

function backendOf(kernel: HostKernel): Backend<Uint8Array> {
  return createHostBackend({ id: 'acme', device, kernels: { selectiveScan: kernel } });
}

/** Real numbers in f32, f16 and bf16. */
const honest: NonNullable<HostKernel['assess']> = ({ inputs }) =>
  inputs['A']!.dtype === 'f32' && inputs['u']!.dtype !== 'f64'
    ? { ok: true, numerics: 'tolerance' }
    : { ok: false, blockers: [{ code: 'dtype', message: 'f32 weights and no f64 only', origin: 'request' }] };

/** The first case that fails, if one does. */
async function firstFailure(backend: Backend, cases?: string): Promise<CaseResult | undefined> {
  const controller = new AbortController();
  let failure: CaseResult | undefined;
  try {
    await runConformance({
      backend: () => new Engine(backend),
      ops: ['selectiveScan'],
      cases,
      signal: controller.signal,
      onResult(result) {
        if (result.status !== 'failed') return;
        failure ??= result;
        controller.abort();
      },
    });
  } catch (error) {
    if (!SsError.is(error, 'aborted')) throw error;
  }
  return failure;
}

test('the scan without a mistake conforms', async () => {
  expect(await firstFailure(backendOf({ assess: honest, run: (call) => scan(call) }))).toBeUndefined();
});

/** By the first case that fails: of all, or of those that are named for the sake of time. */
const mistakes: readonly (readonly [Mistake, caughtBy: RegExp, cases: string])[] = (
  [
    ['group map', /^golden/],
    ['last step', /^golden/],
    ['gate before skip', /^golden/],
    ['softplus overflow', /^extremes.*dt=/],
    ['order of the sum', /^(repetition|symmetries)/],
    ['strides ignored', /^layouts/],
    ['output added to', /^golden/],
    ['argument overwritten', /^capabilities/],
    ['tail out of bounds', /^golden/],
    ['state not updated', /^extremes/],
    ['initial state ignored', /^golden/],
    ['reverse ignored', /^extremes/],
    ['batch leaks into batch', /^golden/],
    ['divides by the cumulated decay', /^golden/],
    ['padding touched', /^sequences/],
    ['state written twice', /^failures/, 'failures/*'],
    ['absent skip is zero', /^non-finite/, 'non-finite/*'],
    ['gate without its limit', /^non-finite/, 'non-finite/*'],
  ] as readonly (readonly [Mistake, RegExp, string?])[]
).map(([mistake, caughtBy, cases = '*']) => [mistake, caughtBy, cases]);

test.each(mistakes)('a scan is caught with the mistake: %s', async (mistake, caughtBy, cases) => {
  const failure = await firstFailure(
    backendOf({ assess: honest, run: (call) => scan(call, mistake) }),
    cases,
  );
  expect(failure?.id).toMatch(caughtBy);
});

test('a buffer that is not freed is caught', async () => {
  const backend = backendOf({ assess: honest, run: (call) => scan(call) });
  let frees = 0;
  const { free } = backend;
  backend.free = (buffer) => void (++frees % 50 === 0 || free(buffer));
  expect((await firstFailure(backend))?.reason).toMatch(
    /liveBuffers were 0 before the case and are 1 after it/,
  );
});

test('work that is overtaken by what comes after it is caught', async () => {
  const backend = backendOf({ assess: honest, run: (call) => scan(call) });
  const { submit, read, alloc } = backend;
  let last = Promise.resolve();
  const freed: Uint8Array[] = [];
  backend.free = (buffer) => void freed.push(buffer);
  backend.alloc = (byteLength, options) => {
    const i = freed.findIndex((buffer) => buffer.byteLength === byteLength);
    return i < 0 ? alloc(byteLength, options) : freed.splice(i, 1)[0]!.fill(0);
  };
  backend.memory = () => ({ liveBytes: 0, liveBuffers: 0, reservedBytes: 0 });
  backend.submit = (calls) => (last = last.then(() => submit(calls)));
  backend.read = async (buffer, byteOffset, byteLength) => {
    await last;
    return read(buffer, byteOffset, byteLength);
  };
  expect((await firstFailure(backend))?.id).toBe('order/selectiveScan/calls that nobody waits for');
});

test('a trim that takes more than what is free is caught', async () => {
  const backend = backendOf({ assess: honest, run: (call) => scan(call) });
  const { alloc } = backend;
  const all: Uint8Array[] = [];
  backend.alloc = (byteLength, options) => {
    const buffer = alloc(byteLength, options);
    all.push(buffer);
    return buffer;
  };
  backend.trim = () => all.forEach((buffer) => buffer.fill(0));
  expect((await firstFailure(backend, 'memory/*'))?.id).toBe('memory/selectiveScan/trim');
});

test('an assess that promises what the kernel cannot do is caught', async () => {
  const run: HostKernel['run'] = (call) => {
    if (call.options['reverse']) throw new Error('no reverse');
    scan(call);
  };
  expect((await firstFailure(backendOf({ assess: honest, run })))?.reason).toMatch(/no reverse/);
  expect((await firstFailure(backendOf({ assess: honest, run }), 'capabilities/*'))?.reason).toMatch(
    /no reverse/,
  );
});

test('an assess that changes its mind is caught', async () => {
  let asked = 0;
  const assess: HostKernel['assess'] = (call) => {
    const answer = honest(call);
    return answer.ok || ++asked % 2 === 0 ? answer : { ok: true, numerics: 'tolerance' };
  };
  expect(
    (await firstFailure(backendOf({ assess, run: (call) => scan(call) }), 'capabilities/*'))?.reason,
  ).toMatch(/two answers|no|NaN|instead of/);
});

test('a plan that promises bits it does not keep is caught', async () => {
  const assess: HostKernel['assess'] = (call) => {
    const answer = honest(call);
    return answer.ok ? { ok: true, numerics: 'bitwise' } : answer;
  };
  const failure = await firstFailure(backendOf({ assess, run: (call) => scan(call) }));
  expect(failure?.id).toMatch(/^chunks/);
  expect(failure?.reason).toMatch(/the bits must agree/);
});
