import type { OpCall } from './backend.ts';

/** What happened where. Costs nothing while nobody listens. */
export type TraceEvent =
  | {
      readonly type: 'op';
      readonly op: OpCall['op'];
      /** who ran it */
      readonly backend: string;
      /** the engine's own backend, when the policy sent the op elsewhere */
      readonly fallbackFrom?: string;
      readonly sizes: OpCall['sizes'];
      /** host milliseconds of a synchronous backend; undefined where the op was only enqueued */
      readonly milliseconds?: number;
    }
  | {
      /** an op that the backend lacks, made of others, which have events of their own */
      readonly type: 'decomposition';
      readonly op: OpCall['op'];
      readonly parts: readonly OpCall['op'][];
      readonly backend: string;
    }
  | {
      readonly type: 'copy';
      readonly reason: 'upload' | 'read' | 'layout' | 'fallback';
      readonly backend: string;
      readonly bytes: number;
      /** the argument that was copied to make it dense */
      readonly argument?: string;
    }
  | {
      readonly type: 'program';
      readonly backend: string;
      readonly calls: number;
      readonly milliseconds?: number;
    }
  | {
      /** one submission, by the clock of the device; only of devices that have one */
      readonly type: 'device';
      readonly backend: string;
      readonly dispatches: number;
      readonly milliseconds: number;
    }
  | {
      readonly type: 'backend';
      readonly backend: string;
      readonly what: 'loaded' | 'failed' | 'lost' | 'disposed';
      readonly message?: string;
    };

export type TraceListener = (event: TraceEvent) => void;

interface Channel {
  readonly hasSubscribers: boolean;
  publish(event: TraceEvent): void;
}

const listeners = new Set<TraceListener>();
const channel = diagnosticsChannel();

/**
 * Hears every event of every engine until the returned function is called. In Node the same events are on
 * the diagnostics channel `ss.trace`.
 */
export function onTrace(listener: TraceListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True when somebody listens; build the event only then. */
export function tracing(): boolean {
  return listeners.size > 0 || channel?.hasSubscribers === true;
}

export function trace(event: TraceEvent): void {
  for (const listener of listeners) {
    try {
      listener(event);
    } catch (error) {
      // The work goes on; the listener's error reaches whoever hears uncaught ones, as with diagnostics_channel.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  channel?.publish(event);
}

/** `SS_LOG=trace`: every event, one a line, on standard error. */
export function logTrace(): void {
  onTrace(printed);
}

const printed: TraceListener = (event) => console.error(`@ss ${JSON.stringify(event)}`);

/** A listener that puts ops and programs on their own track of the browser's Performance panel. */
export const performanceTrack: TraceListener = (event) => {
  if ((event.type !== 'op' && event.type !== 'program') || event.milliseconds === undefined) return;
  const end = performance.now();
  performance.measure(event.type === 'op' ? event.op : `program of ${event.calls}`, {
    start: end - event.milliseconds,
    end,
    detail: { devtools: { dataType: 'track-entry', trackGroup: '@ss', track: event.backend } },
  });
};

function diagnosticsChannel(): Channel | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
  const module = process?.getBuiltinModule?.('node:diagnostics_channel') as
    | { channel(name: string): Channel }
    | undefined;
  return module?.channel('ss.trace');
}
