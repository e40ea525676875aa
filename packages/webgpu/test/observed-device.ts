/** What a device was asked to do since the last look. */
export interface DeviceCounts {
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes of buffers that were mapped to be read. */
  readonly readBytes: number;
  readonly pipelines: number;
}

export interface ObservedDevice {
  /** The counts, which start again at 0. */
  take(): DeviceCounts;
  /** Promises of the device that are not settled. */
  pending(): number;
  /** The next buffer is more than the device has. */
  refuseNextBuffer(): void;
}

type Mutable = { -readonly [K in keyof DeviceCounts]: DeviceCounts[K] };

/** Counts the calls that reach a device. */
export function observe(device: GPUDevice): ObservedDevice {
  let counts: Mutable = none();
  let pending = 0;
  let refuse = false;
  const awaited = <T>(promise: Promise<T>): Promise<T> => {
    pending++;
    const over = (): void => void pending--;
    promise.then(over, over);
    return promise;
  };

  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => {
      const begun = beginComputePass(pass);
      const dispatch = begun.dispatchWorkgroups.bind(begun);
      begun.dispatchWorkgroups = (...extents) => {
        counts.dispatches++;
        dispatch(...extents);
      };
      return begun;
    };
    return encoder;
  };

  const { queue } = device;
  const submit = queue.submit.bind(queue);
  queue.submit = (buffers) => {
    counts.submits++;
    submit(buffers);
  };
  const onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => awaited(onSubmittedWorkDone());

  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const size = refuse ? 2 ** 44 : descriptor.size;
    refuse = false;
    const buffer = createBuffer({ ...descriptor, size });
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (mode, offset, bytes) => {
      counts.readBytes += bytes ?? descriptor.size;
      return awaited(mapAsync(mode, offset, bytes));
    };
    return buffer;
  };

  const createComputePipeline = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => {
    counts.pipelines++;
    return createComputePipeline(descriptor);
  };
  const createComputePipelineAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = (descriptor) => {
    counts.pipelines++;
    return awaited(createComputePipelineAsync(descriptor));
  };

  return {
    take() {
      const taken = counts;
      counts = none();
      return taken;
    },
    pending: () => pending,
    refuseNextBuffer: () => (refuse = true),
  };
}

function none(): Mutable {
  return { dispatches: 0, submits: 0, readBytes: 0, pipelines: 0 };
}
