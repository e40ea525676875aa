interface Immediate {
  setImmediate?(callback: () => void): unknown;
  scheduler?: { yield?(): Promise<void> };
}

/**
 * Lets everything else that waits on this thread go first: timers, input, rendering. Promises alone do not,
 * and a backend that runs at once would otherwise keep the thread for a whole generation.
 */
export function pause(): Promise<void> {
  const { setImmediate, scheduler } = globalThis as Immediate;
  if (setImmediate) return new Promise((resolve) => void setImmediate(() => resolve()));
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
}
