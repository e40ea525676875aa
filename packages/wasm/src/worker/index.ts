import { start } from './start.ts';
import type { Start, Told } from './start.ts';

interface Port {
  postMessage(message: Told): void;
}
interface NodePort extends Port {
  once(event: 'message', listener: (message: Start) => void): void;
}
interface WebPort extends Port {
  onmessage: ((event: { readonly data: Start }) => void) | null;
}

/* The script of a worker, in Node's worker threads and in web workers. */
const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
const threads = process?.getBuiltinModule?.('node:worker_threads') as
  | { parentPort: NodePort | null }
  | undefined;
const nodePort = threads?.parentPort;
const webPort = globalThis as unknown as WebPort;

if (nodePort) nodePort.once('message', (message) => start(message, (what) => nodePort.postMessage(what)));
else webPort.onmessage = ({ data }): void => start(data, (what) => webPort.postMessage(what));
