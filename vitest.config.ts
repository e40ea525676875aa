import { readdirSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { PlainSummary } from './tools/plain-summary.ts';

const project = (name: string, root: string, more: object = {}): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, root, ...more },
});

const more: Readonly<Record<string, object>> = {
  // Most of its time goes to a driver that compiles hundreds of shaders on one core: two files side by side, after the rest.
  webgpu: { maxWorkers: 2, sequence: { groupOrder: 1 }, testTimeout: 600_000 },
};

export default defineConfig({
  test: {
    projects: [
      ...readdirSync('packages').map((name) => project(name, `packages/${name}`, more[name])),
      project('repository', 'test', { exclude: ['packaging/**', '**/node_modules/**'] }),
      project('tools', 'tools'),
      project('packaging', 'test/packaging', { globalSetup: ['./pack.global.ts'] }),
    ],
    reporters: ['default', new PlainSummary()],
    // Only a net for what hangs: no test is about time, and a busy machine is not a failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
