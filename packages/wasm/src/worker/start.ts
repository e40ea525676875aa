import { kernelTable } from '../executor/command-list.ts';
import { follow } from '../executor/team.ts';
import { serve } from './serve.ts';

/** The one message a worker gets. */
export interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly thread: number;
  readonly threads: number;
  /** Takes lists from the queue, where thread 0 is not the caller's own thread. */
  readonly coordinator: boolean;
}

/** What workers tell: that they are ready, and that lists have run. */
export type Told = 'ready' | 'ran';

/** A worker's whole life: it is ended from outside. */
export function start(
  { module, memory, control, thread, threads, coordinator }: Start,
  tell: (what: Told) => void,
): never {
  const table = kernelTable(new WebAssembly.Instance(module, { env: { memory } }), memory);
  const place = { thread, threads, control, memory, table, words: new Int32Array(memory.buffer) };
  tell('ready');
  return coordinator ? serve(place, () => tell('ran')) : follow(place);
}
