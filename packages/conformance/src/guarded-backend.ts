import type { Backend, BoundCall } from '@ss/core';

const guardBytes = 64;
/** NaN in every float dtype, so that memory read before it was written shows in the results. */
const poison = 0xff;
/** Poison is written in pieces, to need no second buffer of the size of the first. */
const piece = new Uint8Array(1 << 16).fill(poison);

type Submit = Backend['submit'];

/** A backend under observation; to its engine it is the backend itself. */
export interface GuardedBackend {
  readonly backend: Backend;
  /** Calls submitted so far, in programs or alone. */
  readonly submitted: () => number;
  /** The next submission does this instead. */
  failNext(instead: Submit): void;
  /** @throws Error when something was written past the end of a buffer that has been freed since the last call */
  verify(): Promise<void>;
}

/**
 * Gives every buffer a tail that nobody may write, and contents that nobody may rely on. A tail is read when
 * its buffer is freed, in the backend's own order.
 */
export function guarded(inner: Backend): GuardedBackend {
  const sizes = new Map<unknown, number>();
  let tails: { byteLength: number; tail: Uint8Array | Promise<Uint8Array> }[] = [];
  let submitted = 0;
  let instead: Submit | undefined;

  const submit = (calls: readonly BoundCall[], run: () => void | Promise<void>): void | Promise<void> => {
    submitted += calls.length;
    if (instead === undefined) return run();
    const failing = instead;
    instead = undefined;
    return failing(calls);
  };

  const backend: Backend = {
    id: inner.id,
    device: inner.device,
    ops: inner.ops,
    ...(inner.lost && { lost: inner.lost }),
    assess: (call) => inner.assess(call),
    submit: (calls) => submit(calls, () => inner.submit(calls)),
    ...(inner.prepare && {
      async prepare(calls, options) {
        const prepared = await inner.prepare!(calls, options);
        return { submit: () => submit(calls, () => prepared.submit()), dispose: () => prepared.dispose() };
      },
    }),
    ...(inner.packing && { packing: (weight, as) => inner.packing!(weight, as) }),
    alloc(byteLength, options) {
      const buffer = inner.alloc(byteLength + guardBytes, options);
      sizes.set(buffer, byteLength);
      const from = options.zero ? byteLength : 0;
      for (let at = from; at < byteLength + guardBytes; at += piece.byteLength) {
        inner.write(buffer, at, piece.subarray(0, Math.min(piece.byteLength, byteLength + guardBytes - at)));
      }
      return buffer;
    },
    free(buffer) {
      const byteLength = sizes.get(buffer);
      if (byteLength !== undefined) {
        const tail = inner.read(buffer, byteLength, guardBytes);
        // Rejections are looked at in verify().
        if (!(tail instanceof Uint8Array)) tail.catch(() => undefined);
        tails.push({ byteLength, tail });
        sizes.delete(buffer);
      }
      inner.free(buffer);
    },
    write: (buffer, byteOffset, bytes) => inner.write(buffer, byteOffset, bytes),
    read: (buffer, byteOffset, byteLength) => inner.read(buffer, byteOffset, byteLength),
    memory: () => inner.memory(),
    ...(inner.trim && { trim: () => inner.trim!() }),
    dispose: () => inner.dispose(),
  };

  return {
    backend,
    submitted: () => submitted,
    failNext: (submission) => (instead = submission),
    async verify() {
      const freed = tails;
      tails = [];
      for (const { byteLength, tail } of freed) {
        const touched = (await tail).findIndex((byte) => byte !== poison);
        if (touched >= 0) {
          throw new Error(`Byte ${touched} past the end of a buffer of ${byteLength} bytes was overwritten.`);
        }
      }
    },
  };
}
