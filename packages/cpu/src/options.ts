export interface CpuOptions {
  /**
   * How many threads share the work of large calls, beside the one of JavaScript; the results do not depend on
   * it. `auto`: SS_THREADS, or one for every physical core that this process may use.
   */
  readonly threads?: 'auto' | number | undefined;
  /** The native library to load: a path. Default: SS_CPU_LIBRARY, or the one of the package for this platform. */
  readonly library?: string | undefined;
}
