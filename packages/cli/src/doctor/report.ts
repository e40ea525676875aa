import { table } from '../table.ts';
import type { BackendCheck, BackendChecks } from './backends.ts';
import type { Environment, Variables } from './environment.ts';
import type { Packages } from './packages.ts';

export interface Findings {
  readonly environment: Environment;
  readonly variables: Variables;
  readonly packages: Packages;
  readonly backends: BackendChecks;
}

/**
 * 0: the best installed backend computes correctly, and a program that names none gets it. 1: only a slower one
 * does. 2: none does, or none can be chosen.
 */
export function statusOf({ backends: { backends, chosen }, variables }: Findings): 0 | 1 | 2 {
  if (variables.invalid.length > 0) return 2;
  const installed = backends.filter(({ outcome, priority }) => outcome !== 'missing' && priority >= 0);
  const best = installed[0];
  const named = 'SS_BACKEND' in variables.set;
  if (best?.outcome === 'works' && (named || chosen === best.id)) return 0;
  return installed.some(({ outcome }) => outcome === 'works') ? 1 : 2;
}

const verdicts = [
  'the best installed backend works',
  'only a slower backend works',
  'no backend works, or none can be chosen',
] as const;

export function describe(findings: Findings): string {
  const { environment, packages, backends } = findings;
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['environment', [table(Object.entries(describeEnvironment(environment)))]],
    [
      'packages',
      [...packages.found.map(({ name, version }) => `${name} ${version}`), ...aboutCores(packages)],
    ],
    ['variables', describeVariables(findings.variables)],
    [
      'backends',
      [
        table([
          ['backend', 'outcome', 'largest error', 'allowed', 'scan', ''],
          ...backends.backends.map(row),
        ]),
      ],
    ],
    ['chosen', [backends.why]],
    ['verdict', [verdicts[statusOf(findings)], ...problems(backends)]],
  ];
  return sections.map(([title, lines]) => `${title}\n${indent(lines.join('\n'))}`).join('\n');
}

/** What is installed, would be used unasked, and does not work. */
function problems({ backends }: BackendChecks): string[] {
  return backends
    .filter(({ outcome, priority }) => outcome === 'fails' && priority >= 0)
    .map(({ id, says }) => `problem: ${id} does not work: ${says}`);
}

function describeEnvironment(environment: Environment): Record<string, string> {
  const has = (value: boolean): string => (value ? 'yes' : 'no');
  return {
    runtime: environment.runtime,
    system: [environment.system, environment.libc].filter(Boolean).join(', '),
    processor: `${environment.processor}, ${environment.cores} cores for this process`,
    memory: `${(environment.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    'shared memory': has(environment.sharedMemory),
    'wasm SIMD': `${has(environment.wasmSimd)}, relaxed: ${has(environment.wasmRelaxedSimd)}`,
  };
}

function aboutCores({ cores }: Packages): string[] {
  if (cores.length < 2) return [];
  return [
    `problem: ${cores.length} copies of @ss/core: ${cores.map(({ version, folder }) => `${version} in ${folder}`).join(', ')}`,
    "  Make the packages' versions agree, then let the package manager deduplicate (npm dedupe, pnpm dedupe).",
  ];
}

function describeVariables({ set, unknown, invalid }: Variables): string[] {
  const lines = [
    ...Object.entries(set).map(([name, value]) => `${name}=${value}`),
    ...unknown.map(
      ({ name, meant }) => `problem: ${name} is set but not known${meant === null ? '' : `; ${meant} is`}`,
    ),
    ...invalid.map(({ why }) => `problem: ${why}`),
  ];
  return lines.length === 0 ? ['no SS_* variable is set'] : lines;
}

function row({ id, outcome, says, scan }: BackendCheck): string[] {
  if (scan === undefined) return [id, outcome, '', '', '', says];
  const { atol, rtol } = scan.tolerance;
  return [
    id,
    outcome,
    scan.maxError.toExponential(1),
    `${atol} + ${rtol} |y|`,
    `${scan.milliseconds.toFixed(2)} ms`,
    says,
  ];
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
