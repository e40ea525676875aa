import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Backend, BackendRegistration, Probe } from '../backend.ts';
import { SsError } from '../errors.ts';
import { tensor } from '../host.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import type { SlowBackendOptions } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { createRegistry } from './registry.ts';
import type { SelectRequest } from './request.ts';

beforeEach(() => vi.stubEnv('SS_BACKEND', undefined));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

interface Made extends BackendRegistration {
  readonly loaded: SlowBackend[];
}

function made(
  id: string,
  priority: number,
  options: Partial<BackendRegistration> & { backend?: SlowBackendOptions } = {},
): Made {
  const loaded: SlowBackend[] = [];
  const { backend, ...others } = options;
  return {
    apiVersion: 1,
    id,
    priority,
    loaded,
    probe: () => ({ available: true }),
    load: async () => {
      const slow = new SlowBackend({ id, ...backend });
      loaded.push(slow);
      return slow;
    },
    ...others,
  };
}

const blocked = (message: string): Probe => ({
  available: false,
  blockers: [{ code: 'no-driver', message, origin: 'environment', fix: 'install one' }],
});

/** What became of every candidate, best first. */
async function statuses(
  registry: ReturnType<typeof createRegistry>,
  request?: SelectRequest,
): Promise<string[]> {
  await using engine = await registry.select(request);
  return engine.decision!.candidates.map(({ id, status }) => `${id} ${status}`);
}

describe('registering', () => {
  test('another version of the contract is refused with both versions', () => {
    expect(() => createRegistry([made('old', 1, { apiVersion: 0 })])).toThrow(
      expect.objectContaining({
        code: 'backend-version',
        message: expect.stringMatching(/old is written for version 0 .* has version 1\. Install versions/),
        details: { id: 'old', apiVersion: 0, backendApiVersion: 1 },
      }),
    );
  });

  test('two backends under one id are refused; one twice is not', () => {
    const a = made('a', 1);
    const registry = createRegistry([a]);
    expect(registry.register(a).ids).toEqual(['a', 'reference']);
    expect(() => registry.register(made('a', 2))).toThrow(
      expect.objectContaining({ code: 'backend-duplicate' }),
    );
  });

  test('the reference is always there, and may be replaced', () => {
    expect(createRegistry([]).ids).toEqual(['reference']);
    expect(createRegistry([made('reference', 7)]).ids).toEqual(['reference']);
  });

  test('loads nothing', () => {
    const load = vi.fn<BackendRegistration['load']>();
    const probe = vi.fn<BackendRegistration['probe']>();
    createRegistry([made('a', 1, { load, probe })]).explain();
    expect([load, probe].map((f) => f.mock.calls.length)).toEqual([0, 0]);
  });
});

describe('selecting', () => {
  const three = (): [Made, Made, Made] => [made('low', 10), made('high', 30), made('middle', 20)];

  test('takes the highest priority, and loads no other', async () => {
    const [low, high, middle] = three();
    const registry = createRegistry([low, high, middle]);
    expect(await statuses(registry)).toEqual([
      'high chosen',
      'middle outranked',
      'low outranked',
      'reference outranked',
    ]);
    expect([low, high, middle].map(({ loaded }) => loaded.length)).toEqual([0, 1, 0]);
    expect(high.loaded[0]!.disposed).toBe(true);
  });

  test.each<[request: SelectRequest, expected: string[]]>([
    [{ prefer: 'low' }, ['low chosen', 'high outranked', 'middle outranked', 'reference outranked']],
    [
      { prefer: ['middle', 'low'] },
      ['middle chosen', 'low outranked', 'high outranked', 'reference outranked'],
    ],
    [{ prefer: 'unheard-of' }, ['high chosen', 'middle outranked', 'low outranked', 'reference outranked']],
    [{ require: 'middle' }, ['high excluded', 'middle chosen', 'low excluded', 'reference excluded']],
    [{ exclude: ['high', 'low'] }, ['high excluded', 'middle chosen', 'low excluded', 'reference outranked']],
    [{ fallback: 'op' }, ['high chosen', 'middle fallback', 'low fallback', 'reference fallback']],
    [
      { fallback: 'op', exclude: ['middle'] },
      ['high chosen', 'middle excluded', 'low fallback', 'reference fallback'],
    ],
  ])('honours %j', async (request, expected) => {
    expect(await statuses(createRegistry(three()), request)).toEqual(expected);
  });

  test('a backend whose probe found less than it promises comes later, unless it is named', async () => {
    const demoted = (): Made =>
      made('demoted', 30, { probe: () => ({ available: true, priority: 15, notes: ['a small one'] }) });
    const registry = createRegistry([demoted(), made('better', 20), made('worse', 10)]);
    expect(await statuses(registry)).toEqual([
      'better chosen',
      'demoted outranked',
      'worse outranked',
      'reference outranked',
    ]);
    expect((await statuses(registry, { prefer: 'demoted' }))[0]).toBe('demoted chosen');
    // Without the better one it is still the best.
    expect(await statuses(createRegistry([demoted(), made('worse', 10)]))).toEqual([
      'demoted chosen',
      'worse outranked',
      'reference outranked',
    ]);
  });

  test('a backend below 0 is taken when named, not otherwise', async () => {
    const registry = createRegistry([made('experimental', -1)]);
    expect(await statuses(registry)).toEqual(['reference chosen', 'experimental excluded']);
    expect(await statuses(registry, { prefer: 'experimental' })).toEqual([
      'experimental chosen',
      'reference outranked',
    ]);
    expect(await statuses(registry, { require: 'experimental' })).toEqual([
      'reference excluded',
      'experimental chosen',
    ]);
  });

  test('goes on to the next when one cannot be used, with the reasons', async () => {
    const registry = createRegistry([
      made('absent', 50, { probe: () => blocked('no driver found') }),
      made('strange', 40, { probe: () => Promise.reject(new Error('probe fell over')) }),
      made('broken', 30, { load: () => Promise.reject(new Error('no such symbol')) }),
      made('coded', 25, { load: () => Promise.reject(new SsError('device-lost', 'unplugged')) }),
      made('liar', 20, { load: async () => new SlowBackend({ id: 'someone-else' }) }),
      made('good', 10),
    ]);
    const events = await traced(async () => {
      await using engine = await registry.select();
      const { candidates, summary, chosen } = engine.decision!;
      expect(candidates.map(({ id, status, blockers }) => [id, status, blockers[0]?.code])).toEqual([
        ['absent', 'blocked', 'no-driver'],
        ['strange', 'blocked', 'load-failed'],
        ['broken', 'blocked', 'load-failed'],
        ['coded', 'blocked', 'device-lost'],
        ['liar', 'blocked', 'backend-invalid'],
        ['good', 'chosen', undefined],
        ['reference', 'outranked', undefined],
      ]);
      expect(chosen!.notes).toEqual(['slow', 'turns 1']);
      expect(summary).toMatch(
        /^good \(slow, turns 1\); not absent \(no driver found \(install one\)\), strange \(probe fell over\)/,
      );
    });
    expect(events.flatMap((e) => (e.type === 'backend' ? [`${e.backend} ${e.what}`] : []))).toEqual([
      'strange failed',
      'broken failed',
      'coded failed',
      'liar failed',
      'good loaded',
      'good disposed',
    ]);
  });

  test('a backend that lacks ops is passed over, and closed again', async () => {
    const partial = made('partial', 50, { backend: { ops: ['add', 'copy'] } });
    const registry = createRegistry([partial]);
    await using engine = await registry.select();
    expect(engine.id).toBe('reference');
    expect(partial.loaded[0]!.disposed).toBe(true);
    expect(engine.decision!.summary).toMatch(
      /not partial \(it lacks selectiveScan, .*lets other backends run what it lacks/,
    );
    // The gradients are not needed to run a model, and not asked for.
    expect(engine.decision!.summary).not.toContain('Backward');
  });

  test('unless the ops that are needed are fewer, or others may run what it lacks', async () => {
    const partial = made('partial', 50, { backend: { ops: ['add', 'copy'] } });
    const registry = createRegistry([partial]);
    expect((await statuses(registry, { ops: ['add'] }))[0]).toBe('partial chosen');
    const engine = await registry.select({ fallback: 'op' });
    expect((await engine.silu({ x: tensor([0]) }).read())[0]).toBe(0);
    await engine.dispose();
    expect(partial.loaded.map(({ disposed }) => disposed)).toEqual([true, true]);
  });

  test('an op that the only backend lacks is refused with the decision that led there', async () => {
    const registry = createRegistry([made('partial', 50, { backend: { ops: ['add'] } })]);
    await using engine = await registry.select({ require: 'partial' });
    expect(() => engine.silu({ x: tensor([0]) })).toThrow(
      expect.objectContaining({
        code: 'op-unsupported',
        details: expect.objectContaining({ decision: engine.decision }),
      }),
    );
  });

  test('without a fallback, the best or an error', async () => {
    const best = made('best', 50, { probe: () => blocked('no driver found') });
    const registry = createRegistry([best, made('next', 40)]);
    const selecting = registry.select({ fallback: 'none' });
    await expect(selecting).rejects.toMatchObject({ code: 'backend-unavailable' });
    await expect(selecting).rejects.toThrow(/best +blocked +no driver found \(install one\)\nnext +excluded/);
    expect(await statuses(registry, { fallback: 'none', prefer: 'next' })).toContain('next chosen');
  });

  test('a backend that was named is not replaced; the error has why, and the cause', async () => {
    const cause = new Error('no such symbol');
    const registry = createRegistry([made('native', 50, { load: () => Promise.reject(cause) })]);
    await expect(registry.select({ require: 'native' })).rejects.toMatchObject({
      code: 'backend-unavailable',
      message: expect.stringMatching(
        /No backend can be used\.\n.*require native; fallback none.*\n.*\nnative +blocked +no such symbol/,
      ),
      details: { decision: expect.objectContaining({ chosen: undefined }) },
      cause,
    });
  });

  test('a name that nobody has is told from one that does not work', async () => {
    await expect(createRegistry([made('a', 1)]).select({ require: 'b' })).rejects.toThrow(
      'There is no backend b, which require names; registered are a, reference.',
    );
  });

  test('loads anew for every engine', async () => {
    const a = made('a', 1);
    const registry = createRegistry([a]);
    await using first = await registry.select();
    await using second = await registry.select();
    expect([first.backend, second.backend]).toEqual(a.loaded);
    expect(a.loaded.length).toBe(2);
  });
});

describe('SS_BACKEND', () => {
  test('requires a backend as the caller would, who comes first', async () => {
    const registry = createRegistry([made('a', 20), made('b', 10)]);
    vi.stubEnv('SS_BACKEND', 'b');
    expect(await statuses(registry)).toEqual(['a excluded', 'b chosen', 'reference excluded']);
    expect(await statuses(registry, { require: 'a' })).toContain('a chosen');
    expect(registry.explain().candidates.map(({ status }) => status)).toEqual([
      'excluded',
      'chosen',
      'excluded',
    ]);
  });

  test('that names nobody says where the name came from', async () => {
    vi.stubEnv('SS_BACKEND', 'typo');
    await expect(createRegistry([]).select()).rejects.toThrow(
      /There is no backend typo, which SS_BACKEND names/,
    );
  });

  test('that is empty says nothing', async () => {
    vi.stubEnv('SS_BACKEND', '');
    expect(await statuses(createRegistry([]))).toEqual(['reference chosen']);
  });
});

describe('aborting', () => {
  const aborted = expect.objectContaining({ code: 'aborted', name: 'AbortError' });

  test('before it starts loads nothing', async () => {
    const a = made('a', 1);
    await expect(createRegistry([a]).select({ signal: AbortSignal.abort() })).rejects.toThrow(aborted);
    expect(a.loaded).toEqual([]);
  });

  test('while a backend loads closes what it made, and what was loaded before', async () => {
    const controller = new AbortController();
    const first = made('first', 20);
    const second = made('second', 10, {
      load: async () => {
        const backend = new SlowBackend({ id: 'second' });
        second.loaded.push(backend);
        controller.abort(new Error('enough'));
        return backend;
      },
    });
    const selecting = createRegistry([first, second]).select({ fallback: 'op', signal: controller.signal });
    await expect(selecting).rejects.toThrow(aborted);
    await expect(selecting).rejects.toMatchObject({ cause: expect.objectContaining({ message: 'enough' }) });
    expect([...first.loaded, ...second.loaded].map(({ disposed }) => disposed)).toEqual([true, true]);
  });

  test('is an abort even when the last backend rejects in its own words', async () => {
    const controller = new AbortController();
    const load = (): Promise<Backend> => {
      controller.abort();
      return Promise.reject(new Error('fetch failed'));
    };
    const registry = createRegistry([made('a', 1, { load }), made('reference', 0, { load })]);
    await expect(registry.select({ signal: controller.signal })).rejects.toThrow(aborted);
  });

  test('hands the signal to the backend', async () => {
    const { signal } = new AbortController();
    const load = vi.fn<BackendRegistration['load']>(async () => new SlowBackend({ id: 'a' }));
    await using engine = await createRegistry([made('a', 1, { load })]).select({ signal });
    expect(engine.id).toBe('a');
    expect(load).toHaveBeenCalledWith({ signal });
  });
});

describe('explaining', () => {
  test('says what is not loaded, before anything is', () => {
    const decision = createRegistry([made('a', 10)]).explain({
      op: 'selectiveScan',
      dtype: 'bf16',
      shape: [1, 2048, 1536],
    });
    expect(String(decision)).toBe(
      [
        'Which backend would run selectiveScan on bf16 (1, 2048, 1536)?',
        'backend    status      why',
        'a          not loaded',
        'reference  chosen',
      ].join('\n'),
    );
  });

  test('loads what it has to when asked, and closes it again', async () => {
    const a = made('a', 10);
    const absent = made('absent', 20, { probe: () => blocked('no driver found') });
    const registry = createRegistry([a, absent]);
    const decision = await registry.explain({ op: 'silu', load: true });
    expect(decision.candidates.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'absent blocked',
      'a chosen',
      'reference outranked',
    ]);
    expect(decision.chosen!.plan).toMatchObject({ ok: true, numerics: 'bitwise' });
    expect(a.loaded.map(({ disposed }) => disposed)).toEqual([true]);
  });

  test('asks loaded backends about the call', async () => {
    const narrow = made('narrow', 10);
    const registry = createRegistry([narrow]);
    await using engine = await registry.select();
    narrow.loaded[0]!.assess = ({ sizes }) =>
      sizes['D']! > 8
        ? { ok: false, blockers: [{ code: 'too-wide', message: 'at most 8 channels', origin: 'request' }] }
        : { ok: true, numerics: 'tolerance', notes: ['one tile'] };
    const at = (D: number): string[] =>
      registry
        .explain({ op: 'selectiveScan', shape: [1, 4, D] })
        .candidates.map(({ id, status }) => `${id} ${status}`);
    expect(at(8)).toEqual(['narrow chosen', 'reference outranked']);
    expect(at(9)).toEqual(['narrow blocked', 'reference chosen']);
    expect(registry.explain({ op: 'selectiveScan', shape: [1, 4, 9] }).summary).toBe(
      'reference; not narrow (at most 8 channels)',
    );
    expect(engine.id).toBe('narrow');
  });

  test('an op that a loaded backend does not have is a blocker', async () => {
    const registry = createRegistry([made('partial', 10, { backend: { ops: ['add'] } })]);
    await registry.explain({ load: true });
    const [partial] = registry.explain({ op: 'silu' }).candidates;
    expect(partial).toMatchObject({
      status: 'blocked',
      blockers: [{ code: 'op-missing', message: 'partial has no silu' }],
    });
  });

  test('prints as JSON with the name of the chosen', async () => {
    const decision = createRegistry([]).explain();
    expect(JSON.parse(JSON.stringify(decision))).toMatchObject({
      question: 'Which backend would be used?',
      chosen: 'reference',
      candidates: [{ id: 'reference', status: 'chosen' }],
    });
  });

  test('says that nothing is left, and why', async () => {
    const registry = createRegistry([made('reference', 0, { probe: () => blocked('no driver found') })]);
    const decision = await registry.explain({ load: true });
    expect(decision.chosen).toBeUndefined();
    expect(decision.summary).toBe('no backend: reference blocked (no driver found (install one))');
    expect(decision.toJSON().chosen).toBeNull();
  });
});

test('one default registry a process, whatever the number of copies of core', async () => {
  const first = (await import('./registry.ts')).defaultRegistry();
  vi.resetModules();
  const copy = await import('./registry.ts');
  expect(copy.createRegistry).not.toBe(createRegistry);
  expect(copy.defaultRegistry()).toBe(first);
});

test('an error of another copy of core is recognised', async () => {
  vi.resetModules();
  const copy = await import('../errors.ts');
  const error = new copy.SsError('aborted', 'enough');
  expect(error).not.toBeInstanceOf(SsError);
  expect([SsError.is(error), SsError.is(error, 'aborted'), SsError.is(error, 'device-lost')]).toEqual([
    true,
    true,
    false,
  ]);
});
