import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

// Installs the peers of `ss bench --against` and of `webgpu/compare.ts`: all, or those that are named. What comes from
// npm goes to tools/peers alone, without running any of its scripts.
//
//     npx --yes pnpm@12 run setup:peers [torch] [llama.cpp] [wllama] [webgpu]

const folder = import.meta.dirname;

/** node-llama-cpp's library for this platform; without the optional ones, which are for graphics cards. */
function llamaLibrary(version: string): string {
  const names: Readonly<Record<string, string>> = {
    'linux-x64': 'linux-x64',
    'linux-arm64': 'linux-arm64',
    'darwin-arm64': 'mac-arm64-metal',
    'darwin-x64': 'mac-x64',
    'win32-x64': 'win-x64',
    'win32-arm64': 'win-arm64',
  };
  const name = names[`${process.platform}-${process.arch}`];
  if (name === undefined)
    throw new Error(`node-llama-cpp has no library for ${process.platform} ${process.arch}.`);
  return `@node-llama-cpp/${name}@${version}`;
}

function npmPeers(): void {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const library = llamaLibrary(dependencies['node-llama-cpp']!);
  const flags = [
    '--ignore-scripts',
    '--omit=optional',
    '--no-save',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
  ];
  run('npm', ['install', '--prefix', folder, ...flags, library]);
}

function torch(): void {
  const python = process.env['PYTHON'] ?? '/usr/bin/python3';
  if (spawnSync(python, ['-c', 'import torch, numpy']).status === 0)
    return console.log(`torch: ${python} has it`);
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(
      `torch: ${python} has no PyTorch, and this is not root on a system with apt: install it there`,
    );
    process.exitCode = 1;
    return;
  }
  run('apt-get', ['-qq', 'update']);
  run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'python3-torch', 'python3-numpy']);
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

const { positionals } = parseArgs({ allowPositionals: true });
const known = ['torch', 'llama.cpp', 'wllama', 'webgpu'];
const unknown = positionals.find((name) => !known.includes(name));
if (unknown !== undefined) throw new Error(`There is no peer ${unknown}; there are ${known.join(', ')}.`);
const wanted = new Set(positionals.length > 0 ? positionals : known);
if (wanted.has('torch')) torch();
if (['llama.cpp', 'wllama', 'webgpu'].some((name) => wanted.has(name))) npmPeers();
