import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { missingPeer, peerFailure } from '@ss/cli/against';
import type { Manner, ScanPeer } from '@ss/cli/against';
import { Tensor } from '@ss/core';
import type { SelectiveScanArgs, SelectiveScanBackwardArgs } from '@ss/core';

/** Debian's python3-torch belongs to Debian's Python; `PYTHON` names another one. */
export const python: string = process.env['PYTHON'] ?? '/usr/bin/python3';

interface Hello {
  readonly torch: string;
  readonly threads: number;
  readonly simd: string;
  readonly formulations: readonly string[];
}

/** Starts a Python that has the arguments and waits to be told what to run. */
export async function openScan(args: SelectiveScanArgs | SelectiveScanBackwardArgs): Promise<ScanPeer> {
  const folder = mkdtempSync(join(tmpdir(), 'ss-torch-'));
  try {
    const shapes: Record<string, readonly number[]> = {};
    for (const [name, value] of Object.entries(args) as [string, unknown][]) {
      if (!(value instanceof Tensor)) continue;
      shapes[name] = value.shape;
      writeFileSync(
        join(folder, `${name}.f32`),
        Float32Array.from((await value.read()) as ArrayLike<number>),
      );
    }
    writeFileSync(join(folder, 'call.json'), JSON.stringify({ shapes, softplus: args.softplus === true }));
    const talk = await Conversation.start([join(import.meta.dirname, 'selective_scan.py'), folder]);
    return new TorchScan(folder, talk, (await talk.next()) as Hello);
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

class TorchScan implements ScanPeer {
  readonly version: string;
  readonly manner: Manner;
  readonly formulations: readonly string[];
  readonly #folder: string;
  readonly #talk: Conversation;

  constructor(folder: string, talk: Conversation, { torch, threads, simd, formulations }: Hello) {
    this.#folder = folder;
    this.#talk = talk;
    this.version = `PyTorch ${torch}`;
    this.manner = { threads, simd, settings: `PyTorch ${torch}` };
    this.formulations = formulations;
  }

  async run(formulation: string): Promise<number> {
    return await this.#ask({ formulation, keep: false });
  }

  async outputs(formulation: string): Promise<ReadonlyMap<string, Float32Array>> {
    await this.#ask({ formulation, keep: true });
    const names = ['y', 'finalState', 'u', 'delta', 'A', 'B', 'C', 'D', 'z', 'deltaBias'];
    const found = new Map<string, Float32Array>();
    for (const name of names.flatMap((one) => [one, `d${one}`])) {
      const bytes = readIfThere(join(this.#folder, `${name}.f32`));
      if (bytes) found.set(name, new Float32Array(bytes));
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#talk.end();
    rmSync(this.#folder, { recursive: true });
  }

  async #ask(request: { readonly formulation: string; readonly keep: boolean }): Promise<number> {
    this.#talk.say(request);
    return ((await this.#talk.next()) as { readonly milliseconds: number }).milliseconds;
  }
}

/** A process that answers lines of JSON with lines of JSON. */
class Conversation {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, lines: Interface) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    child.stdin.on('error', () => undefined);
  }

  static async start(args: readonly string[]): Promise<Conversation> {
    const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const talk = new Conversation(child, createInterface(child.stdout));
    await once(child, 'spawn').catch((cause: unknown) => {
      throw missingPeer('torch', `there is no ${python}`, cause);
    });
    return talk;
  }

  say(message: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async next(): Promise<unknown> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string>;
    if (done !== true) return JSON.parse(value) as unknown;
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    if (this.#complaints.includes('ModuleNotFoundError'))
      throw missingPeer('torch', `${python} has no PyTorch`);
    throw peerFailure(`PyTorch stopped: ${this.#complaints.trim().split('\n').at(-1)}`, this.#complaints);
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
  }
}

function readIfThere(path: string): ArrayBuffer | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
