import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { MockInstance } from 'vitest';
import { main } from './main.ts';

const model = join(import.meta.dirname, '../../../test/models/tiny-shakespeare');
const generate = [
  'generate',
  '--model',
  model,
  '--backend',
  'wasm',
  '--max-tokens',
  '4',
  '--temperature',
  '0',
];
const endless = [
  'generate',
  '--model',
  model,
  '--prompt',
  'ROMEO:',
  '--max-tokens',
  '1000000',
  '--backend',
  'wasm',
];

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

type Stdio = 'pipe' | number;

function start(args: readonly string[], stdout: Stdio = 'pipe', stderr: Stdio = 'pipe'): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SS_')));
  return spawn(process.execPath, [join(import.meta.dirname, 'bin.ts'), ...args], {
    stdio: ['pipe', stdout, stderr],
    env,
  });
}

async function finish(child: ChildProcess): Promise<Ran> {
  const text = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.out += part));
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.err += part));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...text };
}

/** In this process: what ends before anything is computed. */
async function told(...args: readonly string[]): Promise<Ran> {
  const text = { out: '', err: '' };
  const catching = (stream: NodeJS.WriteStream, name: 'out' | 'err'): MockInstance =>
    vi.spyOn(stream, 'write').mockImplementation((part) => {
      text[name] += String(part);
      return true;
    });
  const caught = [catching(process.stdout, 'out'), catching(process.stderr, 'err')];
  try {
    return { status: await main(['node', 'ss', ...args]), ...text };
  } finally {
    for (const spy of caught) spy.mockRestore();
  }
}

const ss = (...args: readonly string[]): Promise<Ran> => {
  const child = start(args);
  child.stdin!.end();
  return finish(child);
};

describe('a prompt', () => {
  test('from standard input and from a file is the one of the command line', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-prompt-'));
    const file = join(folder.path, 'prompt.txt');
    // Characters of several bytes, and the end of the last line.
    const prompt = 'ROMEO: é\n';
    writeFileSync(file, prompt);
    const piped = start([...generate, '--prompt', '-', '--json']);
    // In two parts, of which the first ends inside a character.
    const bytes = Buffer.from(prompt);
    piped.stdin!.write(bytes.subarray(0, 8));
    setTimeout(() => piped.stdin!.end(bytes.subarray(8)), 20);
    const runs = await Promise.all([
      finish(piped),
      ss(...generate, '--prompt-file', file, '--json'),
      ss(...generate, '--prompt', prompt, '--json'),
    ]);
    const [first, ...others] = runs.map(({ out, err }) => {
      expect(out, err).toMatch(/^\{/);
      const { text, promptTokens } = JSON.parse(out) as { text: string; promptTokens: number };
      return { text, promptTokens };
    });
    for (const other of others) expect(other).toEqual(first);
  });

  test.each([
    [
      'a file that is not there',
      ['--prompt-file', '/nowhere/prompt'],
      /--prompt-file' cannot be read: ENOENT/,
    ],
    ['a folder', ['--prompt-file', model], /--prompt-file' cannot be read: EISDIR/],
    ['a file that is no text', ['--prompt-file', '/proc/self/exe'], /not text in UTF-8/],
    ['two at once', ['--prompt', 'x', '--prompt-file', 'y'], /cannot be used with/],
    ['none', [], /one of --prompt and --prompt-file is needed/],
  ])('that is %s is told before the model loads', async (_, args, message) => {
    const { status, out, err } = await told('generate', '--model', 'no-such-model', ...args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(message);
    expect(err).toContain('Usage: ss generate');
  });
});

describe('a value that means nothing is told before the model loads', () => {
  test.each([
    ['--max-tokens', '0'],
    ['--max-tokens', '1.5'],
    ['--temperature', '-1'],
    ['--temperature', 'hot'],
    ['--top-k', '-1'],
    ['--top-p', '0'],
    ['--top-p', '2'],
    ['--min-p', '1'],
    ['--repetition-penalty', '0'],
    ['--seed', '-1'],
    ['--seed', '99999999999999999999'],
    ['--stop', ''],
    ['--threads', '0'],
    ['--threads', '-1'],
    ['--threads', '1.5'],
    ['--threads', 'NaN'],
    ['--threads', '9999'],
    ['--weights', 'q4'],
  ])('%s %s', async (option, value) => {
    const { status, out, err } = await told(
      'generate',
      '--model',
      'no-such-model',
      '--prompt',
      'x',
      option,
      value,
    );
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(new RegExp(`^error: option '${option}[ <\\w.>]*' .*invalid`, 'm'));
    expect(err).not.toContain('no-such-model');
  });

  test('of threads, with how many cores there are', async () => {
    const { err } = await told('bench', 'scan', '--threads', '9999');
    expect(err).toMatch(/1 to 256 is wanted\. There (is 1|are \d+) cores? here/);
  });
});

describe('a slip is named, not what is missing because of it', () => {
  test.each([
    [['generate', '--model', 'm', '--promt', 'x'], "unknown option '--promt'", '--prompt'],
    [['generate', '--modl', 'm', '--prompt', 'x'], "unknown option '--modl'", '--model'],
    [
      ['generate', '--model', 'm', '--prompt', 'x', '--max-new-tokens', '3'],
      '--max-new-tokens',
      '--max-tokens',
    ],
    [['generate', '--model', 'm', '--prompt', 'x', '--max_tokens', '3'], '--max_tokens', '--max-tokens'],
    [['generate', '--model', 'm', '--prompt', 'x', '--device', 'gpu'], '--device', '--backend'],
    [['logits', '--model', 'm', '--tokns', '3'], '--tokns', '--tokens'],
    [['generat'], "unknown command 'generat'", 'generate'],
  ])('%j', async (args, named, meant) => {
    const { status, err } = await told(...args);
    expect(status).toBe(2);
    expect(err).toContain(named);
    expect(err).toContain(`Did you mean ${meant}?`);
    expect(err).not.toContain('required option');
  });

  test('what is missing is named, too', async () => {
    const { status, err } = await told('generate', '--prompt', 'x');
    expect(status).toBe(2);
    expect(err).toContain("required option '--model <source>' not specified");
  });
});

describe('help', () => {
  test.each([
    [['help'], ['--help']],
    [
      ['help', 'generate'],
      ['generate', '--help'],
    ],
    [
      ['help', 'bench', 'scan'],
      ['bench', 'scan', '--help'],
    ],
  ])('ss %j is ss %j', async (asked, same) => {
    const [a, b] = [await told(...asked), await told(...same)];
    expect(a).toEqual(b);
    expect(a.status).toBe(0);
    expect(a.out).toContain('Usage: ss');
  });

  test('of what there is not is an error', async () => {
    const { status, err } = await told('help', 'dance');
    expect(status).toBe(2);
    expect(err).toContain("unknown command 'dance'");
  });

  test('-v is --version', async () => expect(await told('-v')).toEqual(await told('--version')));
});

describe('stopped', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGPIPE', 141],
    ['SIGHUP', 129],
  ] as const)('by %s, JSON is still an object', async (signal, status) => {
    const child = start([...endless, '--json']);
    child.stdin!.end();
    child.stderr!.on('data', (part: string) => {
      if (String(part).includes('loaded')) setTimeout(() => child.kill(signal), 100);
    });
    const { status: ended, out, err } = await finish(child);
    expect(ended).toBe(status);
    expect(err).not.toMatch(/error|^\s+at /im);
    const { text, aborted, reason, tokens } = JSON.parse(out) as Record<string, unknown>;
    expect({ aborted, reason }).toEqual({ aborted: true, reason: 'aborted' });
    expect(typeof text).toBe('string');
    expect(tokens).toBeGreaterThan(0);
  });

  test.for([
    ['bench', 'scan', '--backend', 'reference', '-L', '64', '--seconds', '1000'],
    ['conformance', '--backend', 'reference', '--tier', 'full'],
  ])('%j: JSON is still an object', async (args) => {
    const child = start([...args, '--json']);
    child.stdin!.end();
    child.stderr!.once('data', () => setTimeout(() => child.kill('SIGINT'), 200));
    const { status, out } = await finish(child);
    expect(status).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ aborted: true });
  });
});

const full = '/dev/full';
const NO_FULL = 'no /dev/full here';

describe('what cannot be written ends it, without a stack', () => {
  const commands: readonly (readonly string[])[] = [
    endless,
    [...generate, '--prompt', 'ROMEO:', '--json'],
    ['backends'],
    ['--help'],
  ];

  test.for(commands)('standard output on a full disk: %j', async (args, { skip }) => {
    skip(!existsSync(full), NO_FULL);
    const child = start(args, openSync(full, 'w'));
    child.stdin!.end();
    const { status, err } = await finish(child);
    expect(status).toBe(1);
    expect(err).toMatch(/^error: standard output cannot be written: .*ENOSPC/m);
    expect(err).not.toMatch(/^\s+at /m);
  });

  test.for(commands.slice(1))('standard error on a full disk: %j', async (args, { skip }) => {
    skip(!existsSync(full), NO_FULL);
    const child = start(args, 'pipe', openSync(full, 'w'));
    child.stdin!.end();
    const { status, out } = await finish(child);
    // The result is whole; that something was not said is in the status, where there was something to say.
    expect(out).not.toBe('');
    expect([0, 1]).toContain(status);
  });

  test('both on a full disk', async ({ skip }) => {
    skip(!existsSync(full), NO_FULL);
    const child = start(endless, openSync(full, 'w'), openSync(full, 'w'));
    child.stdin!.end();
    expect((await finish(child)).status).toBe(1);
  });

  test.for(commands)('standard output that nobody reads: %j', async (args) => {
    const child = start(args);
    child.stdin!.end();
    child.stdout!.destroy();
    const { status, err } = await finish(child);
    expect(status).toBe(141);
    expect(err).not.toMatch(/error:|EPIPE|^\s+at /im);
  });

  test('standard error that nobody reads', async () => {
    const child = start([...generate, '--prompt', 'ROMEO:']);
    child.stdin!.end();
    child.stderr!.destroy();
    const { status, out } = await finish(child);
    expect(out).not.toBe('');
    expect(status).toBe(1);
  });
});
