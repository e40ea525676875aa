import { join } from 'node:path';
import * as conformance from '@ss/conformance';
import * as core from '@ss/core';
import * as doorOfEngine from '@ss/core/engine';
import * as cpu from '@ss/cpu';
import * as mamba from '@ss/mamba';
import * as block from '@ss/mamba-block';
import * as wasm from '@ss/wasm';
import * as webgpu from '@ss/webgpu';
import { afterAll, describe, expect, test } from 'vitest';
import { ROOT } from './helpers/repository.ts';

/*
 * Options that there are not would be ignored. Here stands every public function and method: either a call with an option
 * that nothing has, or that it takes no options.
 */

const nonsense = { max_nonsense: 1 };
const unknown = nonsense as never;
const none = 'takes no options' as const;
type Call = typeof none | (() => unknown);

const engine = new doorOfEngine.Engine((await core.reference().load({})) as core.Backend);
const config = { dModel: 4, layers: 1, vocabulary: 8 };
const model = await mamba.randomModel(config, { engine });
const session = model.session();
const registry = core.createRegistry([]);
const made = block.initialBlock(engine, block.mambaConfig({ dModel: 4 }));
const program = engine.record({ x: { dtype: 'f32', shape: [1] } }, ({ x }) => engine.silu({ x }));
await program.prepare();
afterAll(async () => {
  await model.dispose();
  await engine.dispose();
});

const folder = join(ROOT, 'test/models/tiny-shakespeare');
const ops = Object.fromEntries(
  doorOfEngine.opNames.filter((op) => op !== 'pack').map((op) => [op, () => engine.call(op, unknown)]),
);

const functions: Record<string, Record<string, Call>> = {
  core: {
    abortedError: none,
    accessor: none,
    axisPieces: none,
    checkOptions: none,
    checkThreads: none,
    commonAxes: none,
    createHostBackend: () => core.createHostBackend(unknown),
    // A list of backends, not options; what is none is refused.
    createRegistry: () => core.createRegistry(unknown),
    decode: none,
    defaultRegistry: none,
    // A backend: the registry looks at it.
    defineBackend: () => core.createRegistry([core.defineBackend(unknown)]),
    denseStrides: none,
    elementCount: none,
    elementSpan: none,
    encode: none,
    forEachPosition: none,
    fromBf16: none,
    fromBytes: none,
    fromF16: none,
    hasInstalledPackages: none,
    isContiguous: none,
    isDType: none,
    isFloat: none,
    nearestName: none,
    onTrace: none,
    performanceTrack: none,
    printsItself: none,
    readEnvironment: none,
    reference: none,
    refuse: none,
    refuseDTypes: none,
    resolveInstalled: none,
    rowStride: none,
    scope: none,
    showValue: none,
    tensor: none,
    throwIfAborted: none,
    toBf16: none,
    toF16: none,
    trace: none,
    tracing: none,
    zeros: none,
  },
  'core/engine': {
    // What calls it has sorted the arguments of the op.
    assessByParts: none,
    callOf: none,
    exampleCall: none,
    missingOps: none,
  },
  conformance: {
    describeConformance: () => conformance.describeConformance(unknown, { describe: () => 0, test: () => 0 }),
    formatReport: none,
    runConformance: () => conformance.runConformance(unknown),
  },
  cpu: { cpu: () => cpu.cpu(unknown) },
  wasm: { wasm: () => wasm.wasm(unknown) },
  webgpu: { webgpu: () => webgpu.webgpu(unknown) },
  'mamba-block': {
    assignState: none,
    blockParameters: none,
    clearState: none,
    cloneState: none,
    createMixerState: none,
    disposeState: none,
    initialBlock: () => block.initialBlock(engine, made.config, unknown),
    initialValue: none,
    mambaConfig: () => block.mambaConfig(unknown),
    mixerParameters: none,
    philox: none,
    placeParameter: none,
    readState: none,
    writeState: none,
  },
  mamba: {
    checkGenerateOptions: () => mamba.checkGenerateOptions(unknown),
    createTokenizer: none,
    loadModel: () => mamba.loadModel(folder, unknown),
    randomModel: () => mamba.randomModel(config, unknown),
    randomParameters: () => mamba.randomParameters({ ...config, ...nonsense }),
  },
};

const doors = {
  core,
  'core/engine': doorOfEngine,
  conformance,
  cpu,
  wasm,
  webgpu,
  'mamba-block': block,
  mamba,
};
const isClass = (value: unknown): boolean => typeof value === 'function' && /^class\b/.test(String(value));

test.each(Object.entries(doors))('every function of @ss/%s stands here', (name, door) => {
  const exported = Object.entries(door as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'function' && !isClass(value))
    .map(([each]) => each);
  expect(Object.keys(functions[name]!).toSorted()).toEqual(exported.toSorted());
});

/** Methods of everything that a program holds in its hands. */
const methods: readonly [object, Record<string, Call>][] = [
  [
    engine,
    {
      ...ops,
      call: none,
      // Arguments of ops, as their own methods take them.
      assess: () => engine.assess('silu', unknown),
      assign: none,
      copy: () => engine.copy(unknown),
      dispose: none,
      memory: none,
      pack: none,
      prepare: () => engine.prepare(program, unknown),
      record: () => engine.record({ x: { dtype: 'f32', shape: [1], ...nonsense } }, () => undefined),
      scope: none,
      state: none,
      sync: none,
      tensor: none,
      toString: none,
      trim: none,
      upload: none,
      zeros: none,
    },
  ],
  [
    program,
    {
      dispose: none,
      prepare: () => program.prepare(unknown),
      run: () => program.run({ x: core.zeros([1]), ...nonsense }),
      toString: none,
    },
  ],
  [
    registry,
    {
      explain: () => registry.explain(unknown),
      register: () => registry.register(unknown),
      select: () => registry.select(unknown),
      toString: none,
    },
  ],
  [
    model,
    {
      createStates: none,
      dispose: none,
      embed: none,
      encode: none,
      forward: none,
      generate: () => model.generate([1], unknown),
      generateBatch: () => model.generateBatch([[1]], unknown),
      head: none,
      hidden: none,
      logits: () => model.logits([1], unknown),
      norm: none,
      restore: none,
      session: none,
      toString: none,
      with: () => model.with(unknown),
    },
  ],
  [
    session,
    {
      append: none,
      catchUp: none,
      clone: none,
      dispose: none,
      drawn: none,
      hold: none,
      lock: none,
      logits: () => session.logits(unknown),
      mark: none,
      prefill: () => session.prefill([1], unknown),
      readyToStep: none,
      requireFrom: none,
      requireOpen: none,
      resume: none,
      rewind: none,
      save: none,
      step: none,
      toString: none,
    },
  ],
  [made, { createState: none, dispose: none, forward: none, step: none, toString: none }],
  [
    made.mixer,
    {
      createState: none,
      dispose: none,
      forward: () => made.mixer.forward(engine.zeros([1, 1, 4]), unknown),
      step: () => made.mixer.step(engine.zeros([1, 4]), unknown),
      toString: none,
    },
  ],
];

function prototypesOf(holder: object): object[] {
  const prototype = Object.getPrototypeOf(holder) as object;
  return prototype === Object.prototype ? [] : [prototype, ...prototypesOf(prototype)];
}

test.each(methods)('every method of %s stands here', (holder, calls) => {
  const names = prototypesOf(holder)
    .flatMap((prototype) => Object.entries(Object.getOwnPropertyDescriptors(prototype)))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]) => name);
  expect(Object.keys(calls).toSorted()).toEqual(names.toSorted());
});

const all = [
  ...Object.entries(functions).flatMap(([door, calls]) =>
    Object.entries(calls).map(([name, call]) => [`${door}: ${name}`, call] as const),
  ),
  ...methods.flatMap(([holder, calls]) => {
    const { [Symbol.toStringTag]: kind } = holder as { [Symbol.toStringTag]: string };
    return Object.entries(calls).map(([name, call]) => [`${kind}.${name}`, call] as const);
  }),
  ['new Engine', () => new doorOfEngine.Engine(engine.backend, unknown)] as const,
  ['new MambaModel', () => new mamba.MambaModel({ ...model.parts, ...nonsense })] as const,
  ['hub of loadModel', () => mamba.loadModel(folder, { hub: unknown })] as const,
].flatMap(([name, call]) => (call === none ? [] : [[name, call] as const]));

describe('an option that there is not is refused', () => {
  test.each(all)('%s', async (_, call) => {
    // At once or by the promise.
    const refused = await (async () => call())().then(
      () => undefined,
      (error: unknown) => error as core.SsError,
    );
    expect(refused?.message).toMatch(/max_nonsense|is none|takes a list/);
    expect(refused?.code).toMatch(/^argument-(unknown|invalid)$|^program-input$/);
  });
});
