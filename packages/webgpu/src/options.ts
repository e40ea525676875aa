/** `GPU` and `GPUDevice`, where the program's types have them: those of browsers, or `@webgpu/types`. */
type Adapters = typeof globalThis extends { GPU: { prototype: infer Gpu } } ? Gpu : object;
type Device = typeof globalThis extends { GPUDevice: { prototype: infer Gpu } } ? Gpu : object;

export interface WebGpuOptions {
  /** Where adapters come from; default `navigator.gpu`, in Node that of the package `webgpu` if it is installed. */
  readonly gpu?: Adapters | undefined;
  /** A device that is open already. It stays yours: disposing the engine does not destroy it. */
  readonly device?: Device | undefined;
  /** Which of several adapters; default the browser's choice. */
  readonly powerPreference?: 'low-power' | 'high-performance' | undefined;
  /** Whether an adapter that computes on the processor will do; default true, below the other backends. */
  readonly fallbackAdapter?: boolean | undefined;
  /** Bytes of device memory that may be used; default what the device has. */
  readonly maxMemory?: number | undefined;
}
