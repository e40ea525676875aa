import { onTrace } from '../src/trace.ts';
import type { TraceEvent } from '../src/trace.ts';

/** The events of `body`, awaited. */
export async function traced(body: () => unknown): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  const stop = onTrace((event) => events.push(event));
  try {
    await body();
  } finally {
    stop();
  }
  return events;
}
