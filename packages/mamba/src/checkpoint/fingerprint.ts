import type { CheckpointTensor } from './checkpoint.ts';

/** Bytes of each tensor that count. */
const samples = 1024;

/**
 * Tells checkpoints apart, so that a state is not restored into another model: a 64-bit hash of every
 * tensor's name, dtype, shape and of bytes spread over it. Not a protection against forgery.
 */
export class Fingerprint {
  readonly #tensors: string[] = [];

  /** In any order. */
  add(name: string, { stored, shape }: Pick<CheckpointTensor, 'stored' | 'shape'>, bytes: Uint8Array): void {
    const hash = new Hash();
    for (const char of `${name} ${stored} ${shape.join(' ')}`) hash.add(char.codePointAt(0)!);
    const step = Math.max(1, Math.floor(bytes.length / samples));
    for (let i = 0; i < bytes.length; i += step) hash.add(bytes[i]!);
    this.#tensors.push(`${name} ${hash.hex}`);
  }

  get hex(): string {
    const hash = new Hash();
    for (const char of this.#tensors.toSorted().join('\n')) hash.add(char.codePointAt(0)!);
    return hash.hex;
  }
}

/** Two FNV-1a hashes of 32 bits with different starts, finished as MurmurHash3 does. */
class Hash {
  #low = 0x811c9dc5;
  #high = 0x01000193;

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ value ^ (this.#low >>> 16), 0x85ebca6b);
  }

  get hex(): string {
    return [this.#high, this.#low].map((word) => finish(word).toString(16).padStart(8, '0')).join('');
  }
}

function finish(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
