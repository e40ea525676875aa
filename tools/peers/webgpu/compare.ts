import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromiumPath, NO_CHROMIUM } from '../../../test/browser/chromium.ts';
import { launchChromium, QUICK_SOFTWARE_WEBGPU } from '../../../test/browser/run-page.ts';
import { serve } from '../../../test/browser/serve.ts';
import { markdown, short } from '../../table.ts';
import { installedVersion, isInstalled } from '../installed.ts';
import type { Page, Row } from './page.ts';
import type { Task } from './side.ts';

const packages = {
  'tfjs-webgpu': '@tensorflow/tfjs-backend-webgpu',
  'jax-js': '@jax-js/jax',
} as const;

/** What the page takes from npm, each as a bundle of its own. */
const bundles = {
  tfjs: `import * as tf from '@tensorflow/tfjs-core'; import '@tensorflow/tfjs-backend-webgpu'; export { tf };`,
  jax: `export * as jax from '@jax-js/jax';`,
};

/** Why the comparison cannot run here, if it cannot. */
export function missing(): string | undefined {
  const absent = Object.values(packages).find((name) => !isInstalled(name));
  if (absent) return `${absent} is not installed: npx --yes pnpm@12 run setup:peers webgpu`;
  return chromiumPath() === undefined ? NO_CHROMIUM : undefined;
}

export interface Comparison extends AsyncDisposable {
  readonly adapter: string;
  /** Every library computes a task: one row each, ours first. */
  run(task: Task, rounds: number): Promise<readonly Row[]>;
}

/** `@ss/webgpu`, tfjs-webgpu and jax-js in one page of a headless Chromium, on its software adapter. */
export async function openComparison(): Promise<Comparison> {
  await using open = new AsyncDisposableStack();
  const folder = open.use(mkdtempDisposableSync(join(tmpdir(), 'ss-webgpu-peers-'))).path;
  const common = { bundle: true, format: 'esm', logLevel: 'silent' } as const;
  await build({
    ...common,
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    outdir: folder,
    splitting: true,
  });
  for (const [name, contents] of Object.entries(bundles)) {
    await build({
      ...common,
      stdin: { contents, resolveDir: join(import.meta.dirname, '..'), sourcefile: `${name}.js` },
      outfile: join(folder, `${name}.js`),
    });
  }
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>');
  const served = open.use(await serve(folder));
  const browser = open.use(await launchChromium(QUICK_SOFTWARE_WEBGPU));
  const page = await browser.newPage();
  const broken = new Promise<never>((_, reject) => page.on('pageerror', reject));
  broken.catch(() => {});
  const still = <T>(answer: Promise<T>): Promise<T> => Promise.race([answer, broken]);
  await page.goto(served.url);
  await still(page.waitForFunction(() => 'result' in globalThis));
  const adapter = await page.evaluate(() => (globalThis as unknown as { bench: Page }).bench.adapter);
  const kept = open.move();
  return {
    adapter: `${adapter}, Chromium ${browser.version()}`,
    run: (task, rounds) =>
      still(
        page.evaluate(
          ([given, count]) => (globalThis as unknown as { bench: Page }).bench.run(given, count),
          [task, rounds] as const,
        ),
      ),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Every argument read and every result written once. */
function leastBytes(task: Task): number {
  if (task.op === 'linear') {
    const { rows, K, M } = task;
    return 4 * (rows * K + M * K + rows * M);
  }
  const { L, D, N } = task;
  return 4 * (4 * L * D + 2 * L * N + D * N + 2 * D);
}

function title(task: Task): string {
  if (task.op === 'linear') return `linear, ${task.rows} x ${task.K} x ${task.M}`;
  return `scan, L ${task.L}, D ${task.D}, N ${task.N}`;
}

/** The most that two of them may differ, of the largest value. */
const tolerance = 1e-3;

const help = `Usage: node tools/peers/webgpu/compare.ts [options]

@ss/webgpu beside tfjs-webgpu and jax-js in one page of headless Chromium, on its software adapter: the same inputs,
results compared, then timed in turn, with what each asks of WebGPU.

  --rounds <n>   rounds that are timed (default 5)
  --json         one JSON object instead of a table
  -h, --help     this text`;

const tasks: readonly Task[] = [
  { op: 'linear', rows: 1, K: 768, M: 3072 },
  { op: 'linear', rows: 512, K: 768, M: 3072 },
  { op: 'scan', L: 64, D: 768, N: 16 },
  { op: 'scan', L: 512, D: 768, N: 16 },
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(help);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds takes a whole number from 1 on, not ${JSON.stringify(values.rounds)}.`);
  const why = missing();
  if (why) throw new Error(why);
  await using comparison = await openComparison();
  const results: { task: string; least: number; rows: readonly Row[] }[] = [];
  for (const task of tasks) {
    console.error(title(task));
    const rows = await comparison.run(task, rounds);
    const off = rows.find(({ difference }) => !(difference <= tolerance));
    if (off) throw new Error(`${title(task)}: ${off.name} differs by ${off.difference}.`);
    results.push({ task: title(task), least: leastBytes(task), rows });
  }
  const versions = Object.entries(packages).map(([name, from]) => `${name} ${installedVersion(from)}`);
  if (values.json) return console.log(JSON.stringify({ adapter: comparison.adapter, versions, results }));
  console.log(`On ${comparison.adapter}: @ss/webgpu, ${versions.join(', ')}.\n`);
  const head = [
    '',
    'MB at least',
    '',
    'ms',
    'dispatches',
    'submits',
    'MB given to dispatches',
    'MB of new buffers',
  ];
  const lines = results.flatMap(({ task, least, rows }) =>
    rows.map(({ name, milliseconds, counts }, i) => {
      const sorted = [...milliseconds].sort((a, b) => a - b);
      // Ours are given pages that hold many tensors, of which a single dispatch reaches just its own.
      const ours = i === 0 && counts.dispatches === 1;
      return [
        i === 0 ? task : '',
        i === 0 ? short(least / 1e6) : '',
        name,
        `${short(sorted[sorted.length >> 1]!)} (${short(sorted[0]!)})`,
        counts.dispatches,
        counts.submits,
        short((ours ? least : counts.boundBytes) / 1e6),
        short(counts.bufferBytes / 1e6),
      ];
    }),
  );
  console.log(markdown([head, ...lines]));
}

if (import.meta.main) await main();
