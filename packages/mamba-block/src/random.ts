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
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
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
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** The random numbers of one seed; number `i` of stream `s` is the same whoever asks, in any order. */
export class CounterRandom {
  readonly #key: readonly [number, number];
  readonly #stream: number;
  #index = 0;
  #buffer: Block | undefined;

  /** @param seed an integer in [0, 2^53) @param stream sequences of one seed that share nothing */
  constructor(seed: number, stream = 0) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#stream = stream;
  }

  /** Number `index` of the sequence: uniform in [0, 1), a multiple of 2^-24, hence exact in f32. */
  at(index: number): number {
    const block = philox([Math.floor(index / 4), this.#stream, 0, 0], this.#key);
    return unit(block[index % 4]!);
  }

  /** The next number of the sequence. */
  next(): number {
    const lane = this.#index % 4;
    if (lane === 0) this.#buffer = philox([Math.floor(this.#index / 4), this.#stream, 0, 0], this.#key);
    this.#index++;
    return unit(this.#buffer![lane]!);
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Normal with mean 0 and variance 1 (Box & Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }
}

function unit(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** The upper 32 bits of the product of two unsigned 32-bit integers, by halves of 16 bits. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}
