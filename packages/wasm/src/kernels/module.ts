/** Instruction sets the kernels are built for. */
export type Variant = 'baseline' | 'relaxed';

/**
 * `(func (result v128) (f32x4.relaxed_madd (v128.const 0) (v128.const 0) (v128.const 0)))`: a module that
 * validates only where relaxed SIMD exists.
 */
const relaxedProbe: Uint8Array<ArrayBuffer> = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 19, 1, 17, 0, 0x41, 0, 0xfd,
  0x0f, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x85, 0x02, 0x0b,
]);

/** As {@link relaxedProbe}, with a vector and nothing more. */
const simdProbe: Uint8Array<ArrayBuffer> = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x41, 0, 0xfd,
  0x0f, 0x0b,
]);

export function hasSimd(): boolean {
  return WebAssembly.validate(simdProbe);
}

export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(relaxedProbe);
}

/** The embedded kernels; only the variant asked for is loaded. */
export async function embeddedKernels(variant: Variant): Promise<Uint8Array<ArrayBuffer>> {
  const { kernels } =
    variant === 'relaxed' ? await import('./relaxed.generated.ts') : await import('./baseline.generated.ts');
  const text = atob(kernels);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const importSection = 2;
const sharedWithMaximum = 0x03;
const plainWithMaximum = 0x01;

/**
 * The same module for a memory that is not shared. The kernels contain no atomic instruction, so the flag of
 * the imported memory (the last bytes but its limits, in a section that imports nothing else) is all there is.
 * @throws Error when the module does not import one shared memory
 */
export function withoutSharedMemory(binary: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = binary.slice();
  const name = new TextEncoder().encode('\u0006memory\u0002');
  for (let at = 8; at < copy.length;) {
    const id = copy[at]!;
    const [size, body] = unsigned(copy, at + 1);
    if (id === importSection) {
      const found = indexOf(copy.subarray(body, body + size), name);
      const flag = body + found + name.length;
      if (found >= 0 && copy[flag] === sharedWithMaximum) {
        copy[flag] = plainWithMaximum;
        return copy;
      }
    }
    at = body + size;
  }
  throw new Error('The kernels import no shared memory; they were not built by this package.');
}

/** A LEB128 number and where it ends. */
function unsigned(bytes: Uint8Array, at: number): readonly [value: number, end: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

function indexOf(bytes: Uint8Array, pattern: Uint8Array): number {
  for (let at = 0; at + pattern.length <= bytes.length; at++) {
    if (pattern.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
