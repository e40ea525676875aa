export interface CpuOptions {
  /**
   * How many threads share the work of large calls, beside the one of JavaScript; the results do not depend on
   * it. `auto`: SS_THREADS, or one for every core that this process may use.
   */
  readonly threads?: 'auto' | number | undefined;
}
