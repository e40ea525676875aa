interface Immediate {
  setImmediate?(callback: () => void): unknown;
}

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/**
 * Lets everything else that waits on this thread go first: messages, timers, input, rendering. Promises alone do not,
 * and a backend that runs at once would otherwise keep the thread for a whole generation.
 *
 * Where there is no `setImmediate`, a message of its own waits in the same queue as those of others (20 µs in Chromium).
 * `scheduler.yield()` comes back before them, so that a worker would never hear `stop`; `setTimeout` takes 4 ms each time.
 */
export function pause(): Promise<void> {
  const { setImmediate } = globalThis as Immediate;
  if (setImmediate) return new Promise((resolve) => void setImmediate(() => resolve()));
  channel ??= openChannel();
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });
}

function openChannel(): MessageChannel {
  const made = new MessageChannel();
  made.port1.addEventListener('message', () => waiting.shift()!());
  made.port1.start();
  return made;
}
