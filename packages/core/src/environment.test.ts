import { expect, test } from 'vitest';
import { environmentVariables, readEnvironment } from './environment.ts';

test('nothing set means nothing asked for', () => {
  expect(readEnvironment({})).toEqual({
    backend: undefined,
    threads: undefined,
    log: 'silent',
    cpuIsa: undefined,
    cpuLibrary: undefined,
    unknown: [],
  });
});

test('every variable is read', () => {
  const env = {
    SS_BACKEND: 'wasm',
    SS_THREADS: '4',
    SS_LOG: 'trace',
    SS_CPU_ISA: 'avx2',
    SS_CPU_LIBRARY: '/opt/ss-cpu.node',
  };
  expect(readEnvironment(env)).toEqual({
    backend: 'wasm',
    threads: 4,
    log: 'trace',
    cpuIsa: 'avx2',
    cpuLibrary: '/opt/ss-cpu.node',
    unknown: [],
  });
  expect(environmentVariables).toEqual(Object.keys(env));
});

test('names that mean nothing are found, others are not ours', () => {
  expect(
    readEnvironment({ SS_BAKCEND: 'wasm', SS_: '', SSH_KEY: 'x', PATH: 'y', ss_log: 'z' }).unknown,
  ).toEqual(['SS_BAKCEND', 'SS_']);
});

test.each([
  ['SS_THREADS', '0'],
  ['SS_THREADS', '-1'],
  ['SS_THREADS', 'many'],
  ['SS_THREADS', '1.5'],
  ['SS_THREADS', ''],
  ['SS_LOG', 'loud'],
  ['SS_LOG', ''],
])('%s=%j is refused with what it may be', (name, value) => {
  expect(() => readEnvironment({ [name]: value })).toThrow(
    expect.objectContaining({
      code: 'environment-invalid',
      message: expect.stringContaining(`${name} is "${value}"`),
    }),
  );
});

test('the variables of the process are read where there is a process', () => {
  const before = globalThis.process;
  try {
    Object.assign(globalThis, { process: undefined });
    expect(readEnvironment()).toMatchObject({ backend: undefined, unknown: [] });
    const denied = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('NotCapable');
        },
      },
    );
    Object.assign(globalThis, { process: { env: denied } });
    expect(readEnvironment()).toMatchObject({ backend: undefined });
  } finally {
    Object.assign(globalThis, { process: before });
  }
});
