import { argWords } from '../src/kernels/args.ts';
import type { ArgValues, Layout } from '../src/kernels/args.ts';
import { embeddedKernels, withoutSharedMemory } from '../src/kernels/module.ts';
import type { Variant } from '../src/kernels/module.ts';

type Kernel = (args: number, begin: number, end: number, scratch: number) => number;

/** Kernels over a memory that only grows: enough of a host to time and check them one by one. */
export class BenchHost {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  readonly #kernels: Readonly<Record<string, Kernel>>;
  #top = 65536;

  private constructor(module: WebAssembly.Module) {
    this.#kernels = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports as Record<
      string,
      Kernel
    >;
  }

  static async open(variant: Variant): Promise<BenchHost> {
    return new BenchHost(await WebAssembly.compile(withoutSharedMemory(await embeddedKernels(variant))));
  }

  alloc(bytes: number): number {
    const at = this.#top;
    this.#top = Math.ceil((at + bytes) / 256) * 256;
    const missing = this.#top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length);
  }

  /** Address of `length` values made by `value`. */
  make(length: number, value: (i: number) => number): number {
    const at = this.alloc(length * 4);
    const view = this.floats(at, length);
    for (let i = 0; i < length; i++) view[i] = value(i);
    return at;
  }

  /** A ready call of a kernel over all its units, in one go or cut where the caller says. */
  call<L extends Layout>(
    name: string,
    layout: L,
    values: ArgValues<L>,
    units: number,
    scratchBytes: number,
  ): (...cuts: number[]) => void {
    const words = argWords(layout, values);
    const args = this.alloc(words.byteLength);
    new Int32Array(this.memory.buffer, args, words.length).set(words);
    const scratch = this.alloc(scratchBytes);
    const kernel = this.#kernels[name]!;
    return (...cuts) => {
      const ends = [...cuts, units];
      for (const [part, end] of ends.entries()) {
        const status = kernel(args, ends[part - 1] ?? 0, end, scratch);
        if (status !== 0) throw new Error(`${name} failed with ${status}`);
      }
    };
  }
}

/** Best and median seconds of `run`. */
export function time(run: () => void, repeats = 7): { best: number; median: number } {
  run();
  const seconds = Array.from({ length: repeats }, () => {
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  }).toSorted((a, b) => a - b);
  return { best: seconds[0]!, median: seconds[seconds.length >> 1]! };
}

/** Throws when `actual` is further from `expected` than atol + rtol |expected|; returns the largest error. */
export function check(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  rtol: number,
  atol: number,
): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= atol + rtol * Math.abs(expected[i]!))) {
      throw new Error(`${label}: ${actual[i]} instead of ${expected[i]} at ${i}`);
    }
    worst = Math.max(worst, error);
  }
  return worst;
}
