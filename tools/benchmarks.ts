import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

// Measures what docs/benchmarks.md shows and writes it there. Takes minutes; wants a machine that does nothing else.

interface Result {
  readonly what: string;
  readonly milliseconds: { readonly median: number; readonly best: number };
  readonly perSecond: Readonly<Record<string, number>>;
  readonly 'not finite'?: string;
}

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/benchmarks.md');
const threadCounts = [1, 2];

const groups: Readonly<Record<string, readonly string[]>> = {
  scan: ['scan', 'scan -D 1533', 'scan --dtype bf16', 'scan --z', 'scan --backward'],
  conv: ['conv', 'conv --dtype bf16'],
  linear: [
    'linear',
    'linear --weights bf16',
    'linear --weights i8',
    'linear --rows 1',
    'linear --rows 1 --weights bf16',
    'linear --rows 1 --weights i8',
  ],
  model: [
    'prefill --rounds 3',
    'prefill --rounds 3 --weights bf16',
    'prefill --rounds 3 --weights i8',
    'decode',
    'decode --weights bf16',
    'decode --weights i8',
  ],
};

function bench(command: string, threads: number): readonly Result[] {
  const args = ['bench', ...command.split(' '), '--threads', String(threads), '--json', '--quiet'];
  const ran = spawnSync(process.execPath, [join(root, 'packages/cli/src/bin.ts'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (ran.status !== 0) throw new Error(`ss ${args.join(' ')} ended with ${ran.status}`);
  console.error(`ss ${args.join(' ')}`);
  return (JSON.parse(ran.stdout) as { readonly results: readonly Result[] }).results;
}

/** Three digits. */
const short = (value: number): string => String(Number(value.toPrecision(3)));

function cell({ milliseconds: { median, best }, perSecond }: Result): string {
  const rates = Object.entries(perSecond).map(([unit, rate]) => `${short(rate)} ${unit}/s`);
  return [`${short(median)} ms (${short(best)})`, ...rates].join(', ');
}

function table(commands: readonly string[]): string {
  const head = ['`ss bench ...`', ...threadCounts.map((n) => `--threads ${n}`)];
  const rows = commands.flatMap((command) => {
    const runs = threadCounts.map((threads) => bench(command, threads));
    return runs[0]!.map((_, i) => {
      const gradient = runs[0]![i]!.what.includes('gradient') ? ', the gradient' : '';
      return [`\`${command}\`${gradient}`, ...runs.map((results) => cell(results[i]!))];
    });
  });
  return markdown([head, head.map(() => '---'), ...rows]);
}

function formulations(): string {
  const results = bench('scan -L 1,65,512,2048 --also chunked-cumsum', 1);
  const head = ['', 'median', 'outputs that are not finite'];
  const rows = results.map((result) => [
    result.what,
    `${short(result.milliseconds.median)} ms`,
    result['not finite']!,
  ]);
  return markdown([head, head.map(() => '---'), ...rows]);
}

function markdown(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const sections = {
  ...Object.fromEntries(Object.entries(groups).map(([name, all]) => [name, () => table(all)])),
  formulations,
};
const gib = (totalmem() / 2 ** 30).toFixed(0);
const machine = `Measured with Node ${process.versions.node} on ${availableParallelism()} cores of an ${cpus()[0]!.model.trim()}, ${gib} GiB.`;
let text = readFileSync(page, 'utf8');
for (const [name, measure] of Object.entries({ machine: () => machine, ...sections })) {
  const block = new RegExp(`(<!-- ${name} -->\n).*?(<!-- /${name} -->)`, 's');
  const figures = measure();
  text = text.replace(block, (_, open: string, close: string) => `${open}${figures}\n${close}`);
  writeFileSync(page, text);
}
