import { expect, test } from 'vitest';
import { embeddedKernels, hasRelaxedSimd, hasSimd, withoutSharedMemory } from './module.ts';

test('the probes say of an engine what it says of the kernels themselves', async () => {
  expect(hasSimd()).toBe(WebAssembly.validate(await embeddedKernels('baseline')));
  expect(hasRelaxedSimd()).toBe(WebAssembly.validate(await embeddedKernels('relaxed')));
});

test.each(['baseline', 'relaxed'] as const)(
  'the %s kernels fit shared memory, and without the flag plain memory',
  async (variant) => {
    const kernels = await embeddedKernels(variant);
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    const plain = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const open = (binary: BufferSource, memory: WebAssembly.Memory): Promise<unknown> =>
      WebAssembly.instantiate(binary, { env: { memory } });
    await expect(open(kernels, shared)).resolves.toBeDefined();
    await expect(open(withoutSharedMemory(kernels), plain)).resolves.toBeDefined();
    await expect(open(kernels, plain)).rejects.toThrow(WebAssembly.LinkError);
  },
);

test('a module that does not import shared memory is refused', async () => {
  const plain = withoutSharedMemory(await embeddedKernels('baseline'));
  expect(() => withoutSharedMemory(plain)).toThrow('no shared memory');
});
