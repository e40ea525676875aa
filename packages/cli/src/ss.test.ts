import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@ss/cpu';
import { describe, expect, test } from 'vitest';

const model = join(import.meta.dirname, '../../../test/models/tiny-shakespeare');

interface Expected {
  readonly prompt: string;
  readonly tokens: readonly number[];
  readonly last_logits: readonly number[];
  readonly greedy_tokens: readonly number[];
  readonly greedy_text: string;
}

const { cases } = JSON.parse(readFileSync(join(model, 'expected.json'), 'utf8')) as {
  cases: readonly Expected[];
};
const [first] = cases as readonly [Expected];

/** What a program gets that names no backend: the native one where it is built. */
const best = (await cpu().probe()).available ? 'cpu' : 'wasm';

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SS_'));
  return spawn(process.execPath, [join(import.meta.dirname, 'bin.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
  });
}

async function finish(child: ChildProcess): Promise<Ran> {
  const text = { out: '', err: '' };
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (text.out += part));
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (text.err += part));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...text };
}

const ss = (...args: readonly string[]): Promise<Ran> => finish(start(args));

async function json<T>(...args: readonly string[]): Promise<T> {
  const { status, out, err } = await ss(...args, '--json');
  expect(status, err).toBe(0);
  expect(out.trimEnd()).not.toContain('\n');
  return JSON.parse(out) as T;
}

const largestDifference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...b.map((value, i) => Math.abs(value - a[i]!)));

describe.each(['reference', 'wasm', ...(best === 'cpu' ? ['cpu'] : [])])('on %s', (backend) => {
  test.each(cases)(
    'the logits after $prompt are those of the float64 evaluation',
    async ({ prompt, tokens, last_logits }) => {
      const run = await ss('logits', '--model', model, '--backend', backend, '--prompt', prompt);
      const result = JSON.parse(run.out) as { tokens: number[]; logits: number[]; backend: string };
      expect(result).toMatchObject({ tokens, backend });
      expect(largestDifference(result.logits, last_logits)).toBeLessThan(1e-3);
    },
  );

  test('greedy text is that of the float64 evaluation', async () => {
    const { prompt, greedy_text, greedy_tokens } = first;
    const options = [
      '--max-tokens',
      String(greedy_tokens.length),
      '--temperature',
      '0',
      '--backend',
      backend,
      '--log-probs',
    ];
    const result = await json<Record<string, unknown>>(
      'generate',
      '--model',
      model,
      '--prompt',
      prompt,
      ...options,
    );
    expect(result).toMatchObject({
      text: greedy_text,
      tokens: greedy_tokens.length,
      reason: 'length',
      backend,
    });
    expect((result['pieces'] as { id: number }[]).map(({ id }) => id)).toEqual(greedy_tokens);
    expect(result).toHaveProperty('decision.chosen', backend);
  });
});

test('--tokens and --prompt give the same logits', async () => {
  const [byText, byIds] = await Promise.all([
    json<{ logits: number[] }>('logits', '--model', model, '--prompt', first.prompt),
    json<{ logits: number[] }>('logits', '--model', model, '--tokens', first.tokens.join(',')),
  ]);
  expect(byIds).toEqual(byText);
});

describe('generate', () => {
  const generate = [
    'generate',
    '--model',
    model,
    '--prompt',
    first.prompt,
    '--seed',
    '7',
    '--max-tokens',
    '12',
  ];

  test('streams only text to standard output, and says the rest on standard error', async () => {
    const { status, out, err } = await ss(...generate);
    expect(status).toBe(0);
    const { text } = await json<{ text: string }>(...generate);
    expect(out.trimEnd()).toBe(text.trimEnd());
    expect(err).toMatch(new RegExp(`^backend: ${best} .*$`, 'm'));
    expect(err).toMatch(
      /^prefill 3 tokens at [\d.]+ tokens\/s, decode 12 tokens at [\d.]+ tokens\/s, seed 7, stopped by length$/m,
    );
  });

  test('--quiet leaves standard error empty', async () => {
    expect((await ss(...generate, '--quiet')).err).toBe('');
  });

  test('stops before a stop text', async () => {
    const greedy = ['--model', model, '--prompt', first.prompt, '--temperature', '0'];
    const { text, reason } = await json<{ text: string; reason: string }>(
      'generate',
      ...greedy,
      '--stop',
      'pray',
    );
    expect(reason).toBe('stop-string');
    expect(text).toBe(first.greedy_text.slice(0, first.greedy_text.indexOf('pray')));
  });

  test('Ctrl-C ends it with 130, without a word about errors', async () => {
    const child = start(['generate', '--model', model, '--prompt', first.prompt, '--max-tokens', '100000']);
    child.stdout!.once('data', () => child.kill('SIGINT'));
    const { status, err } = await finish(child);
    expect(status).toBe(130);
    expect(err).not.toMatch(/error|^\s+at /im);
  });

  test('ends quietly when nobody reads it any more', async () => {
    const child = start(['generate', '--model', model, '--prompt', first.prompt, '--max-tokens', '100000']);
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { status, err } = await finish(child);
    expect(status).toBe(141);
    expect(err).not.toMatch(/error|EPIPE|^\s+at /im);
  });
});

describe('what goes wrong', () => {
  test.each([
    {
      name: 'no such folder',
      args: ['generate', '--model', 'no-such-folder', '--prompt', 'x'],
      code: 'source-unavailable',
    },
    {
      name: 'no such backend',
      args: ['logits', '--model', model, '--prompt', 'x', '--backend', 'abacus'],
      code: 'backend-unavailable',
    },
    {
      name: 'a token that is not in the vocabulary',
      args: ['logits', '--model', model, '--tokens', '99999999'],
      code: 'token-invalid',
    },
    {
      name: 'a gate for what has none',
      args: ['bench', 'scan', '--z', '--also', 'chunked-cumsum'],
      code: 'argument-invalid',
    },
  ])('$name is a sentence and status 1', async ({ args, code }) => {
    const { status, out, err } = await ss(...args);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(/^error: .+\.$/m);
    expect(err).toContain(`code: ${code}`);
    expect(err).not.toMatch(/^\s+at /m);
  });

  test('a peer that is not installed is a sentence with the command that installs it', async () => {
    const args = ['bench', 'scan', '-L', '4', '-D', '4', '--against', 'torch'];
    const { status, err } = await finish(start(args, { PYTHON: 'no-such-python' }));
    expect(status).toBe(1);
    expect(err).toContain('The peer torch cannot run: there is no no-such-python.');
    expect(err).toContain('npx --yes pnpm@12 run setup:peers torch');
    expect(err).toContain('code: peer-missing');
  });

  test.each([
    { name: 'a peer of something else', args: ['bench', 'decode', '--against', 'torch'] },
    { name: 'an unknown command', args: ['dance'] },
    { name: 'an unknown option', args: ['backends', '--colour'] },
    { name: 'a number that is none', args: ['bench', 'scan', '--threads', 'two'] },
    { name: 'an op that there is not', args: ['backends', '--op', 'dance'] },
    { name: 'a missing option', args: ['generate', '--prompt', 'x'] },
    { name: 'neither prompt nor tokens', args: ['logits', '--model', model] },
    { name: 'no command', args: [] },
  ])('$name is status 2 with the help', async ({ args }) => {
    const { status, out, err } = await ss(...args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain('Usage: ss');
  });

  test('SS_LOG=trace adds the stack', async () => {
    const { err } = await finish(
      start(['logits', '--model', 'no-such-folder', '--prompt', 'x'], { SS_LOG: 'trace' }),
    );
    expect(err).toMatch(/^\s+at /m);
  });
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await ss('--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
});

test.each(['generate', 'logits', 'bench', 'conformance', 'backends', 'doctor'])(
  'ss %s --help shows examples',
  async (command) => {
    const { status, out } = await ss(command, '--help');
    expect(status).toBe(0);
    expect(out).toMatch(/Examples:\n {2}\$ ss /);
  },
);

test('backends lists every backend with what became of it', async () => {
  const { chosen, candidates } = await json<{ chosen: string; candidates: { id: string; status: string }[] }>(
    'backends',
  );
  expect(chosen).toBe(best);
  expect(candidates.map(({ id, status }) => [id, status])).toEqual([
    ['cpu', best === 'cpu' ? 'chosen' : 'blocked'],
    ['wasm', best === 'cpu' ? 'outranked' : 'chosen'],
    ['reference', 'outranked'],
    ['webgpu', 'excluded'],
  ]);
});

describe('bench', () => {
  interface Result {
    readonly check: { readonly used: number };
    readonly results: readonly {
      readonly what: string;
      readonly milliseconds: { readonly median: number; readonly runs: number };
    }[];
  }

  const tiny = ['--d-model', '32', '--layers', '2', '--vocabulary', '50'];

  test.each([
    { what: 'scan', args: ['-L', '65', '-D', '67', '--z', '--grad'] },
    { what: 'conv', args: ['-L', '65', '-D', '67'] },
    { what: 'linear', args: ['--rows', '17', '-K', '64', '-M', '65', '--weights', 'bf16'] },
    { what: 'prefill', args: ['--model', model, '--tokens', '64'] },
    {
      what: 'decode',
      args: [...tiny, '--tokens', '4', '--steps', '4'],
    },
    {
      what: 'decode',
      args: [...tiny, '--tokens', '4', '--steps', '4', '--batch', '3', '--rounds', '3'],
    },
  ])('$what $args agrees with the reference and is timed', async ({ what, args }) => {
    const budget = what === 'decode' ? [] : ['--seconds', '0', '--rounds', '3'];
    const { check, results } = await json<Result>('bench', what, ...args, ...budget);
    expect(check.used).toBeLessThanOrEqual(1);
    for (const { milliseconds } of results) {
      expect(milliseconds.median).toBeGreaterThan(0);
      expect(milliseconds.runs).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('doctor', () => {
  test('runs a scan on every backend and compares it with the reference', async () => {
    interface Checked {
      readonly id: string;
      readonly outcome: string;
      readonly scan: { readonly used: number };
    }
    const found = await json<{ status: number; backends: { backends: Checked[]; chosen: string } }>('doctor');
    expect(found.status).toBe(0);
    expect(found.backends.chosen).toBe(best);
    // Whether WebGPU works is the machine's affair.
    const others = found.backends.backends.filter(({ id }) => id !== 'webgpu');
    expect(others.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['cpu', best === 'cpu' ? 'works' : 'missing'],
      ['wasm', 'works'],
      ['reference', 'works'],
    ]);
    for (const { outcome, scan } of others) if (outcome === 'works') expect(scan.used).toBeLessThanOrEqual(1);
  });

  test('outlives native code that ends the process, and says so', async ({ skip }) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-trap-'));
    const library = join(folder.path, 'ss-cpu.node');
    const source = '__attribute__((constructor)) static void trap() { __builtin_trap(); }';
    const { status: compiled } = spawnSync('g++', ['-x', 'c++', '-shared', '-fPIC', '-o', library, '-'], {
      input: source,
    });
    skip(compiled !== 0, 'no g++ to make such code with');
    const { status, out } = await finish(start(['doctor'], { SS_CPU_LIBRARY: library }));
    expect(out).toMatch(/cpu +fails .*ends the process that loads it with SIG(ILL|TRAP)/);
    expect(out).toMatch(/wasm +works/);
    expect(status).toBe(1);
  });

  test('says where a library is missing, and what to do', async () => {
    const { out } = await finish(start(['doctor'], { SS_CPU_LIBRARY: '/nowhere/ss-cpu.node' }));
    expect(out).toMatch(
      /cpu +missing .*SS_CPU_LIBRARY names \/nowhere\/ss-cpu.node, where no file is \(Name/,
    );
  });

  test('names variables that mean nothing, and those that were meant', async () => {
    const { status, out } = await finish(start(['doctor', '--report'], { SS_THREAD: '2', SS_LOG: 'loud' }));
    expect(status).toBe(2);
    expect(out).toContain('SS_THREAD is set but not known; SS_THREADS is');
    expect(out).toContain('SS_LOG is "loud"');
  });
});

describe('conformance', () => {
  interface Report {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
    readonly failures: readonly { readonly id: string; readonly reason: string }[];
    readonly skips: readonly { readonly reason: string }[];
  }

  test('counts what passed and what was skipped, with reasons', async () => {
    const report = await json<Report>('conformance', '--backend', 'reference', '--ops', 'silu');
    expect(report.passed).toBeGreaterThan(0);
    expect(report).toMatchObject({ failed: 0, failures: [] });
    expect(report.skips).toHaveLength(report.skipped);
  });

  test('anything that failed is status 1, with its reason', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-vectors-'));
    const vectors = join(import.meta.dirname, '../../conformance/vectors');
    const index = JSON.parse(readFileSync(join(vectors, 'index.json'), 'utf8')) as Record<string, unknown>[];
    const wrong = index.filter(({ id }) => id === 'scan-000').map((entry) => ({ ...entry, softplus: 0 }));
    writeFileSync(join(folder.path, 'index.json'), JSON.stringify(wrong));
    copyFileSync(
      join(vectors, 'selective-scan.safetensors'),
      join(folder.path, 'selective-scan.safetensors'),
    );
    const args = [
      '--backend',
      'reference',
      '--vectors',
      folder.path,
      '--ops',
      'selectiveScan',
      '--cases',
      'golden/*',
    ];
    const { status, out, err } = await ss('conformance', ...args, '--json');
    expect(status).toBe(1);
    const { failed, failures } = JSON.parse(out) as Report;
    expect(failed).toBe(1);
    expect(failures[0]!.reason).toMatch(/outside rtol/);
    expect(err).toContain('failed: golden/selectiveScan/scan-000');
  });
});
