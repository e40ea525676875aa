import type { Storage } from '../storage.ts';

let raised = false;

/** Development only (`SS_LOG`): says once that device memory went to the garbage collector without `dispose()`. */
export class LeakAlarm {
  readonly #registry: FinalizationRegistry<string>;
  #on = true;

  constructor(backend: string) {
    this.#registry = new FinalizationRegistry((what) => {
      if (raised || !this.#on) return;
      raised = true;
      console.warn(`@ss: ${what} of ${backend} memory were collected without dispose().`);
    });
  }

  watch(storage: Storage): void {
    const { stack = '' } = new Error('made here');
    this.#registry.register(storage, `${storage.byteLength} bytes (${stack})`, storage);
  }

  released(storage: Storage): void {
    this.#registry.unregister(storage);
  }

  /** The device is gone, and all its memory with it. */
  off(): void {
    this.#on = false;
  }
}
