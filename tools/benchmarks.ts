import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { markdown, short } from './table.ts';

// Measures what docs/benchmarks.md shows and writes it there. Takes minutes; wants a machine that does nothing else.
//
//     node tools/benchmarks.ts [section ...]
//
// The sections of peers need what `npx --yes pnpm@12 run setup:peers` installs.

interface Result {
  readonly what: string;
  readonly milliseconds: { readonly median: number; readonly best: number };
  readonly perSecond: Readonly<Record<string, number>>;
  readonly 'not finite'?: string;
  readonly simd?: string;
  readonly settings?: string;
  readonly share?: number;
  readonly ratio?: number;
}

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/benchmarks.md');
const threadCounts = [1, 2];

const groups: Readonly<Record<string, readonly string[]>> = {
  scan: ['scan', 'scan -D 1533', 'scan --dtype bf16', 'scan --z', 'scan --grad'],
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

/** What the native backend does of the same. */
const native: readonly string[] = [
  'scan',
  'scan -D 1533',
  'scan --z',
  'scan --grad',
  'conv',
  'linear',
  'linear --weights bf16',
  'linear --rows 1 --weights bf16',
  'prefill --rounds 3',
  'decode --batch 8',
  'decode --batch 8 --weights bf16',
  'decode --weights i8',
];

/** Comparisons with peers, on one thread. */
const comparisons: Readonly<Record<string, readonly string[]>> = {
  torch: [
    'scan --backend cpu --against torch --seconds 0 --rounds 5',
    'scan --backend cpu --against torch --seconds 0 --rounds 3 --grad',
    'scan --backend wasm --against torch --seconds 0 --rounds 5',
    'scan --backend wasm --against torch --seconds 0 --rounds 3 --grad',
  ],
  llama: [
    'prefill --backend cpu --against llama.cpp --seconds 0 --rounds 2',
    'prefill --backend cpu --against llama.cpp --seconds 0 --rounds 2 --weights bf16',
    'decode --backend cpu --against llama.cpp --rounds 2',
    'decode --backend cpu --against llama.cpp --rounds 2 --weights bf16',
    'decode --backend cpu --against llama.cpp --rounds 2 --weights i8',
    'prefill --backend wasm --against llama.cpp --seconds 0 --rounds 3',
    'prefill --backend wasm --against llama.cpp --seconds 0 --rounds 3 --weights bf16',
    'decode --backend wasm --against llama.cpp --rounds 3',
    'decode --backend wasm --against llama.cpp --rounds 3 --weights bf16',
    'decode --backend wasm --against llama.cpp --rounds 3 --weights i8',
  ],
  wllama: [
    'prefill --backend wasm --against wllama --rounds 3',
    'decode --backend wasm --against wllama',
    'decode --backend wasm --against wllama --weights bf16 --peer-weights f32',
    'decode --backend wasm --against wllama --weights i8',
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

function cell({ milliseconds: { median, best }, perSecond }: Result): string {
  const rates = Object.entries(perSecond).map(([unit, rate]) => `${short(rate)} ${unit}/s`);
  return [`${short(median)} ms (${short(best)})`, ...rates].join(', ');
}

function table(commands: readonly string[], backend: string): string {
  const head = [`\`ss bench ... --backend ${backend}\``, ...threadCounts.map((n) => `--threads ${n}`)];
  const rows = commands.flatMap((command) => {
    const runs = threadCounts.map((threads) => bench(`${command} --backend ${backend}`, threads));
    return runs[0]!.map((_, i) => {
      const { what } = runs[0]![i]!;
      const part = /(forward and )?gradient|\d+ texts?/.exec(what)?.[0] ?? '';
      return [`\`${command}\`${part && `, ${part}`}`, ...runs.map((results) => cell(results[i]!))];
    });
  });
  return markdown([head, ...rows]);
}

function comparison(commands: readonly string[]): string {
  const head = [
    '`ss bench ... --threads 1`',
    'ours',
    'share of the limit',
    'theirs',
    'their settings',
    'ours is faster',
  ];
  const rows = commands.flatMap((command) => {
    const results = bench(command, 1);
    const ours = results.find(({ ratio }) => ratio === undefined)!;
    const share = ours.share === undefined ? '' : `${(100 * ours.share).toFixed(0)} %`;
    return results
      .filter(({ ratio }) => ratio !== undefined)
      .map((theirs) => [
        `\`${command}\``,
        `${ours.what}, ${ours.simd}: ${brief(ours)}`,
        share,
        `${theirs.what}, ${theirs.simd}: ${brief(theirs)}`,
        theirs.settings,
        `${short(theirs.ratio!)} times`,
      ]);
  });
  return [machine, '', markdown([head, ...rows])].join('\n');
}

/** The median, and what it is per second. */
function brief({ milliseconds: { median }, perSecond }: Result): string {
  const [[unit, rate]] = Object.entries(perSecond) as [[string, number]];
  return `${short(median)} ms, ${short(rate)} ${unit}/s`;
}

function formulations(): string {
  const results = bench('scan -L 1,65,512,2048 --also chunked-cumsum --backend wasm', 1);
  const head = ['', 'median', 'outputs that are not finite'];
  const rows = results.map((result) => [
    result.what,
    `${short(result.milliseconds.median)} ms`,
    result['not finite']!,
  ]);
  return markdown([head, ...rows]);
}

/** The others on WebGPU; what it says on stderr is progress. */
function webgpuPeers(): string {
  const ran = spawnSync(process.execPath, [join(root, 'tools/peers/webgpu/compare.ts')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (ran.status !== 0) throw new Error(`webgpu/compare.ts ended with ${ran.status}`);
  return ran.stdout.trim();
}

const gib = (totalmem() / 2 ** 30).toFixed(0);
const machine = `Measured with Node ${process.versions.node} on ${availableParallelism()} cores of an ${cpus()[0]!.model.trim()}, ${gib} GiB.`;
const sections: Readonly<Record<string, () => string>> = {
  machine: () => machine,
  ...Object.fromEntries(Object.entries(groups).map(([name, all]) => [name, () => table(all, 'wasm')])),
  cpu: () => [machine, '', table(native, 'cpu')].join('\n'),
  formulations,
  ...Object.fromEntries(Object.entries(comparisons).map(([name, all]) => [name, () => comparison(all)])),
  webgpu: webgpuPeers,
};
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in sections));
if (unknown !== undefined)
  throw new Error(`There is no section ${unknown}; there are ${Object.keys(sections).join(', ')}.`);
let text = readFileSync(page, 'utf8');
for (const [name, measure] of Object.entries(sections)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const block = new RegExp(`(<!-- ${name} -->\\n).*?(<!-- /${name} -->)`, 's');
  const figures = measure();
  text = text.replace(block, (_, open: string, close: string) => `${open}${figures}\n${close}`);
  writeFileSync(page, text);
}
