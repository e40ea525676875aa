const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

type Block = [number, number, number, number];

/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four random words that
 * depend on nothing but a 128-bit counter and a 64-bit key.
 */
export function philox(counter: Readonly<Block>, key: readonly [number, number]): Block {
  const words = new Uint32Array(4);
  philoxInto(words, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}

/** Without an allocation, because initial weights take millions of them. */
function philoxInto(
  words: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The random numbers of one seed; number `i` of stream `s` is the same whoever asks, in any order. */
export class CounterRandom {
  readonly #low: number;
  readonly #high: number;
  readonly #stream: number;
  readonly #words = new Uint32Array(4);
  #index = 0;

  /** @param seed an integer in [0, 2^53) @param stream sequences of one seed that share nothing */
  constructor(seed: number, stream = 0) {
    this.#low = seed >>> 0;
    this.#high = Math.floor(seed / 2 ** 32);
    this.#stream = stream;
  }

  /** Number `index` of the sequence: uniform in [0, 1), a multiple of 2^-24, hence exact in f32. */
  at(index: number): number {
    this.#index = index;
    this.#draw();
    return this.next();
  }

  /** The next number of the sequence. */
  next(): number {
    if (this.#index % 4 === 0) this.#draw();
    return (this.#words[this.#index++ % 4]! >>> 8) * 2 ** -24;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Normal with mean 0 and variance 1 (Box & Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** The four numbers that `index` is among. */
  #draw(): void {
    philoxInto(this.#words, Math.floor(this.#index / 4), this.#stream, 0, 0, this.#low, this.#high);
  }
}

/** The upper 32 bits of the product of two unsigned 32-bit integers, by halves of 16 bits. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // No sum below reaches 2^32: (2^16 - 1)^2 + 2 (2^16 - 1) is 2^32 - 1.
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
