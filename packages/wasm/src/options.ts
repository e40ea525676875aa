/** A compiled module, where the program's types have WebAssembly: those of Node alone do not. */
type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object;

export interface WasmOptions {
  /**
   * How many threads share the work of large calls; the results do not depend on it. `auto`: SS_THREADS, or one
   * for every core up to 8. More than one takes shared memory, which a web page has only when it is
   * cross-origin isolated.
   */
  readonly threads?: 'auto' | number | undefined;
  /**
   * `worker`: everything runs in a worker of its own and the calling thread never waits. `inline`: calls run
   * where they are made and are done when they return. `auto`: `worker` where there is shared memory.
   */
  readonly mode?: 'auto' | 'inline' | 'worker' | undefined;
  /** Kernels with fused multiply-add (relaxed SIMD); `auto` asks the engine whether it has it. */
  readonly relaxedSimd?: 'auto' | boolean | undefined;
  /** Kernels from somewhere else than the package's own text: a URL, the bytes, or a compiled module. */
  readonly source?: string | URL | ArrayBuffer | Uint8Array | CompiledModule | undefined;
  /** Where the worker's script lies (`@ss/wasm/worker`), for pages whose policy forbids `blob:` workers. */
  readonly workerUrl?: string | URL | undefined;
  /** Bytes of memory that may be used, at most 4 GiB. */
  readonly maxMemory?: number | undefined;
}
