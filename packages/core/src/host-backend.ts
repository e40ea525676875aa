import { CallFailure } from './backend.ts';
import type { Assessment, Backend, BoundCall, DeviceInfo, OpCall } from './backend.ts';
import { SsError } from './errors.ts';
import type { OpName } from './ops/op.ts';
import { checkOptions } from './options.ts';
import type { OptionNames } from './options.ts';

/** One op of a backend whose buffers are plain bytes in JavaScript memory. */
export interface HostKernel {
  /** May it run this call? Default: always, with `numerics: 'tolerance'`. */
  assess?(call: OpCall): Assessment;
  /** Fills `call.outputs` (and in-place inputs) before it returns. */
  run(call: BoundCall<Uint8Array>): void;
}

export interface HostBackendOptions {
  readonly id: string;
  readonly device: DeviceInfo;
  readonly kernels: Partial<Readonly<Record<OpName, HostKernel>>>;
  /** As {@link Backend.packing}; takes a kernel for the op `pack`. */
  readonly packing?: Backend['packing'];
}

const optionNames: OptionNames<HostBackendOptions> = { id: true, device: true, kernels: true, packing: true };

/** The memory half of a backend, ready made: kernels run at once on `Uint8Array` buffers. */
export function createHostBackend(options: HostBackendOptions): Backend<Uint8Array> {
  checkOptions('createHostBackend()', options, optionNames);
  const { id, device, kernels, packing } = options;
  const live = new Set<Uint8Array>();
  let liveBytes = 0;
  return {
    id,
    device,
    ops: Object.keys(kernels) as OpName[],
    assess: (call) => kernels[call.op]?.assess?.(call) ?? { ok: true, numerics: 'tolerance' },
    submit(calls) {
      for (const [index, call] of calls.entries()) {
        try {
          kernels[call.op]!.run(call);
        } catch (error) {
          throw new CallFailure(index, error);
        }
      }
    },
    alloc(byteLength) {
      const buffer = allocate(byteLength);
      live.add(buffer);
      liveBytes += byteLength;
      return buffer;
    },
    free(buffer) {
      if (live.delete(buffer)) liveBytes -= buffer.byteLength;
    },
    write: (buffer, byteOffset, bytes) => buffer.set(bytes, byteOffset),
    read: (buffer, byteOffset, byteLength) => buffer.slice(byteOffset, byteOffset + byteLength),
    ...(packing && { packing }),
    memory: () => ({ liveBytes, liveBuffers: live.size, reservedBytes: liveBytes }),
    dispose() {
      live.clear();
      liveBytes = 0;
    },
  };
}

function allocate(byteLength: number): Uint8Array {
  try {
    return new Uint8Array(byteLength);
  } catch (cause) {
    throw new SsError('out-of-memory', `${byteLength} bytes could not be allocated.`, { cause });
  }
}
