import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry, onTrace, SsError, tensor } from '@ss/core';
import type { Engine, Tensor, TraceEvent } from '@ss/core';
import { describeConformance } from '@ss/conformance';
import { acme } from 'acme-backend';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from './helpers/repository.ts';

describe('a backend from outside with one op', () => {
  describeConformance({ backend: acme, ops: ['selectiveScan'] }, { describe, test });

  test('runs that op; the policy sends the others elsewhere, and the trace says so', async () => {
    const registry = createRegistry([acme]);
    await using mixed = await registry.select({ prefer: 'acme', fallback: 'op' });
    await using plain = await registry.select({ require: 'reference' });
    const events: TraceEvent[] = [];
    const stop = onTrace((event) => events.push(event));
    onTestFinished(stop);
    const y = await layer(mixed);
    stop();
    const ran = events
      .filter((event) => event.type === 'op')
      .map(({ op, backend, fallbackFrom }) => [op, backend, fallbackFrom]);
    expect(ran).toEqual([
      ['rmsNorm', 'reference', 'acme'],
      ['linear', 'reference', 'acme'],
      ['causalConv1d', 'reference', 'acme'],
      ['linear', 'reference', 'acme'],
      ['selectiveScan', 'acme', undefined],
      ['linear', 'reference', 'acme'],
      ['add', 'reference', 'acme'],
    ]);
    const expected = await layer(plain);
    expect(y.length).toBe(expected.length);
    for (const [i, value] of y.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    expect(mixed.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });

  test('refuses the others when it was required', async () => {
    await using engine = await createRegistry([acme]).select({ require: 'acme' });
    const x = tensor([1, 2], [1, 2]);
    const refused = (): unknown => engine.silu({ x });
    expect(refused).toThrow(/acme has no silu/);
    expect(refused).toThrow(expect.toSatisfy((error) => SsError.is(error, 'op-unsupported')));
  });

  test('is passed over, with the reason, where a whole backend is wanted', async () => {
    const registry = createRegistry([acme]);
    await using engine = await registry.select();
    expect(engine.id).toBe('reference');
    // A step of its scan stands in for selectiveStateUpdate.
    expect(String(engine.decision)).not.toMatch(/selectiveStateUpdate/);
    expect(String(engine.decision)).toMatch(/acme +blocked +it lacks causalConv1d,/);
  });
});

test('docs/backends.md shows this backend as it is', () => {
  const source = readFileSync(join(import.meta.dirname, 'fixtures/acme-backend/index.ts'), 'utf8');
  expect(readFileSync(join(ROOT, 'docs/backends.md'), 'utf8')).toContain(`\`\`\`ts\n${source}\`\`\``);
});

/** What a Mamba layer does, on sizes that fit a screen: norm, projection, convolution, scan, projection, residual. */
async function layer(engine: Engine): Promise<Float32Array> {
  const [L, K, D, N] = [7, 4, 6, 3];
  let seed = 1;
  const noise = (...shape: number[]): Tensor => {
    const count = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float32Array.from({ length: count }, () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5),
      shape,
    );
  };
  const x = noise(1, L, K);
  const weights = [noise(2 * D, K), noise(D, 4), noise(D + 2 * N, D), noise(K, D)] as const;
  const A = tensor(
    Float32Array.from({ length: D * N }, (_, i) => -1 - (i % N)),
    [D, N],
  );
  using out = engine.scope(() => {
    const { y: normed } = engine.rmsNorm({ x });
    const projected = engine.linear({ x: normed, weight: weights[0] });
    const z = projected.slice(-1, D);
    const { y: u } = engine.causalConv1d({
      x: projected.slice(-1, 0, D),
      weight: weights[1],
      activation: 'silu',
    });
    const parameters = engine.linear({ x: u, weight: weights[2] });
    const { y } = engine.selectiveScan({
      u,
      delta: parameters.slice(-1, 0, D),
      A,
      B: parameters.slice(-1, D, D + N),
      C: parameters.slice(-1, D + N),
      z,
      softplus: true,
    });
    return engine.add({ a: engine.linear({ x: y, weight: weights[3] }), b: x });
  });
  return (await out.read()) as Float32Array;
}
