import { expect, test } from 'vitest';
import type { BackendCheck } from './backends.ts';
import { readMachine, readVariables } from './environment.ts';
import { findPackages } from './packages.ts';
import { describe as describeFindings, statusOf } from './report.ts';
import type { Findings } from './report.ts';

const backend = (id: string, priority: number, outcome: BackendCheck['outcome']): BackendCheck => ({
  id,
  priority,
  outcome,
  says: '',
});

const findings = (...backends: readonly BackendCheck[]): Findings => ({
  environment: readMachine(),
  variables: readVariables({}),
  packages: findPackages(),
  backends: { backends, chosen: backends.find(({ outcome }) => outcome === 'works')?.id ?? null, why: '' },
});

test.each([
  { wasm: 'works', reference: 'works', status: 0 },
  { wasm: 'missing', reference: 'works', status: 0 },
  { wasm: 'fails', reference: 'works', status: 1 },
  { wasm: 'fails', reference: 'fails', status: 2 },
] as const)('wasm $wasm and reference $reference is status $status', ({ wasm, reference, status }) => {
  expect(statusOf(findings(backend('wasm', 100, wasm), backend('reference', 0, reference)))).toBe(status);
});

test('a best backend that works and is not chosen is status 1, unless another one was named', () => {
  const found = findings(backend('wasm', 100, 'works'), backend('reference', 0, 'works'));
  const other = { ...found, backends: { ...found.backends, chosen: 'reference' } };
  expect(statusOf(other)).toBe(1);
  expect(statusOf({ ...other, variables: readVariables({ SS_BACKEND: 'reference' }) })).toBe(0);
});

test('a variable that is not understood is status 2', () => {
  const found = findings(backend('reference', 0, 'works'));
  expect(statusOf({ ...found, variables: readVariables({ SS_THREADS: 'two' }) })).toBe(2);
});

test('two copies of core are a problem with a remedy', () => {
  const found = findings(backend('reference', 0, 'works'));
  const copy = { name: '@ss/core', version: '9.9.9', folder: 'elsewhere' };
  const twice = { ...found, packages: { ...found.packages, cores: [...found.packages.cores, copy] } };
  expect(describeFindings(found)).not.toContain('copies');
  expect(describeFindings(twice)).toMatch(/2 copies of @ss\/core: .*9\.9\.9 in elsewhere/);
});

test('the packages of this workspace share one core', () => {
  const { found, cores } = findPackages();
  expect(found.map(({ name }) => name)).toContain('@ss/core');
  expect(cores).toHaveLength(1);
});
