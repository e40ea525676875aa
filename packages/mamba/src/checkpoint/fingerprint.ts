import type { CheckpointTensor } from './checkpoint.ts';

/**
 * Of the way fingerprints are made, in front of each. Version 1 had none in front, and looked at samples of the
 * bytes, which could be the same in two models.
 */
const version = '2';

/**
 * Tells checkpoints apart, so that a state is not restored into another model: a 64-bit hash of every tensor's
 * name, dtype, shape and bytes. Not a protection against forgery.
 */
export class Fingerprint {
  readonly #tensors: string[] = [];

  /** The next tensor, in any order: its bytes are to be added, and then {@link end} to be called. */
  begin(
    name: string,
    { dtype, shape }: Pick<CheckpointTensor, 'dtype' | 'shape'>,
  ): { add(bytes: Uint8Array): void; end(): void } {
    const hash = new ByteHash();
    return {
      add: (bytes) => hash.add(bytes),
      end: () => void this.#tensors.push(`${name} ${dtype} ${shape.join(' ')} ${hash.hex}`),
    };
  }

  get hex(): string {
    const hash = new ByteHash();
    hash.add(new TextEncoder().encode(this.#tensors.toSorted().join('\n')));
    return `${version}-${hash.hex}`;
  }
}

/** The version of a fingerprint; undefined when it was given to a model that was put together by hand. */
export function fingerprintVersion(fingerprint: string): string | undefined {
  if (/^[0-9a-f]{16}(\[|$)/.test(fingerprint)) return '1';
  return /^(\d+)-[0-9a-f]{16}(\[|$)/.exec(fingerprint)?.[1];
}

const lanes = 4;
const pieceBytes = 4 * lanes;

/**
 * FNV-1a over words of 32 bits in four lanes, each turned as xxHash does so that high bits matter too, finished as
 * MurmurHash3 does. It takes a fraction of the time that reading the bytes does.
 */
class ByteHash {
  #a = 0x811c9dc5;
  #b = 0x01000193;
  #c = 0x9e3779b1;
  #d = 0x85ebca77;
  #length = 0;

  /** Every piece but the last has a multiple of 16 bytes. */
  add(bytes: Uint8Array): void {
    const whole = bytes.length - (bytes.length % pieceBytes);
    this.#addWords(aligned(bytes.subarray(0, whole)));
    if (whole < bytes.length) {
      const rest = new Uint8Array(pieceBytes);
      rest.set(bytes.subarray(whole));
      this.#addWords(new Uint32Array(rest.buffer));
    }
    this.#length += bytes.length;
  }

  get hex(): string {
    const words = [
      this.#a ^ Math.imul(this.#c, 0x85ebca6b) ^ this.#length,
      this.#b ^ Math.imul(this.#d, 0x85ebca6b) ^ Math.floor(this.#length / 2 ** 32),
    ];
    const [low, high] = words.map((word) => finish(word)) as [number, number];
    return [finish(high ^ low), finish(low + Math.imul(high, 5))]
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  }

  #addWords(words: Uint32Array): void {
    let [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d];
    for (let i = 0; i < words.length; i += lanes) {
      a = mix(a, words[i]!);
      b = mix(b, words[i + 1]!);
      c = mix(c, words[i + 2]!);
      d = mix(d, words[i + 3]!);
    }
    [this.#a, this.#b, this.#c, this.#d] = [a, b, c, d];
  }
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return (h << 13) | (h >>> 19);
}

function finish(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function aligned(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(buffer, byteOffset, length / 4);
}
