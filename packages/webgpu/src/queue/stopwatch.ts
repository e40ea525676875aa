import { bufferUsage } from '../flags.ts';

/** Two times of the device, in nanoseconds of 64 bits. */
const bytes = 16;

/** How long the device works on one submission: a time before its first pass, and one after its last. */
export class Stopwatch {
  readonly #times: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  #started = false;

  constructor(device: GPUDevice) {
    this.#times = device.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer({
      label: 'times',
      size: bytes,
      usage: bufferUsage.queryResolve | bufferUsage.copySource,
    });
  }

  /** What the next pass has to begin with. */
  get pass(): GPUComputePassDescriptor {
    const first = !this.#started;
    this.#started = true;
    const writes = { querySet: this.#times, endOfPassWriteIndex: 1 };
    return { timestampWrites: first ? { ...writes, beginningOfPassWriteIndex: 0 } : writes };
  }

  /** Copies the times to where they can be read. */
  stop(encoder: GPUCommandEncoder, { buffer, offset }: { buffer: GPUBuffer; offset: number }): void {
    encoder.resolveQuerySet(this.#times, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, buffer, offset, bytes);
  }

  dispose(): void {
    this.#times.destroy();
    this.#resolved.destroy();
  }

  static readonly bytes: number = bytes;

  static milliseconds(times: Uint8Array): number {
    const [begin, end] = new BigUint64Array(times.slice().buffer);
    return Number(end! - begin!) / 1e6;
  }
}
