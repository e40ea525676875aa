import { CallFailure, encode, fromBytes, SsError } from '@ss/core';
import type { OpName, Tensor } from '@ss/core';
import { opNames } from '@ss/core/engine';
import { readAll } from '../bench.ts';
import type { Bench } from '../bench.ts';
import { backwardOf } from '../calls/backward.ts';
import type { Call } from '../calls/call.ts';
import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { embeddingCall } from '../calls/dense.ts';
import { withElement, withElements } from '../calls/edit.ts';
import { examples } from '../calls/examples.ts';
import { crossEntropyCall, sampleCall } from '../calls/logits.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Case, Suite } from '../case.ts';
import { assertSame } from '../compare.ts';
import { Random } from '../random.ts';

/** Far more than any device has. */
const absurd = 2 ** 52;

/** Indices that point nowhere. A backend may notice them or not; what it must not do is write elsewhere. */
const strayIndices: Partial<
  Readonly<Record<OpName, (random: Random) => readonly [name: string, call: Call][]>>
> = {
  embedding: (random) => [
    ['id beyond the rows', withElement(embeddingCall({ ids: [4], V: 5 }, random), 'ids', [2], 5)],
    ['negative id', withElement(embeddingCall({ ids: [4], V: 5 }, random), 'ids', [2], -1)],
  ],
  embeddingBackward: (random) => [
    ['id beyond the rows', withElement(gradient(embeddingCall({ ids: [4], V: 5 }, random)), 'ids', [2], 5)],
    ['negative id', withElement(gradient(embeddingCall({ ids: [4], V: 5 }, random)), 'ids', [2], -1)],
  ],
  crossEntropy: (random) => [
    ['target beyond the classes', withElement(crossEntropyCall({ R: 3, V: 5 }, random), 'targets', [1], 5)],
  ],
  crossEntropyBackward: (random) => [
    [
      'target beyond the classes',
      withElement(gradient(crossEntropyCall({ R: 3, V: 5 }, random)), 'targets', [1], 5),
    ],
  ],
  sample: (random) => [
    [
      'recent id beyond the logits',
      withElement(sampleCall({ V: 5, recent: true }, random), 'recentIds', [0, 1], 5),
    ],
  ],
  selectiveScan: (random) => [
    ['cuSeqlens beyond the row', withElement(scanCall({ packed: [2, 3] }, random), 'cuSeqlens', [2], 6)],
    [
      'slot beyond the pool of initial states',
      withElement(
        scanCall({ batch: 3, L: 5, pool: 4, from: 'initialState' }, random),
        'stateIndices',
        [0],
        4,
      ),
    ],
  ],
  selectiveScanBackward: (random) => [
    [
      'cuSeqlens beyond the row',
      withElement(gradient(scanCall({ packed: [2, 3] }, random)), 'cuSeqlens', [2], 6),
    ],
    [
      'slot beyond the pool',
      withElement(
        gradient(scanCall({ batch: 3, L: 5, pool: 4, from: 'initialState' }, random)),
        'stateIndices',
        [0],
        4,
      ),
    ],
  ],
  causalConv1d: (random) => [
    ['cuSeqlens decrease', withElement(convCall({ packed: [2, 3] }, random), 'cuSeqlens', [1], 7)],
    [
      'slot beyond the pool of initial states',
      withElement(
        convCall({ batch: 3, L: 5, pool: 4, from: 'initialState' }, random),
        'stateIndices',
        [0],
        4,
      ),
    ],
  ],
  causalConv1dBackward: (random) => [
    ['cuSeqlens decrease', withElement(gradient(convCall({ packed: [2, 3] }, random)), 'cuSeqlens', [1], 7)],
    [
      'slot beyond the pool',
      withElement(
        gradient(convCall({ batch: 3, L: 5, pool: 4, from: 'initialState' }, random)),
        'stateIndices',
        [0],
        4,
      ),
    ],
  ],
};

/** Calls of three sequences that write states of a pool of four, by the slots 3, -1, 1. */
const writers: Partial<Readonly<Record<OpName, (random: Random) => Call>>> = {
  selectiveScan: (random) => scanCall({ batch: 3, L: 5, pool: 4, from: 'state' }, random),
  selectiveStateUpdate: (random) => updateCall({ batch: 3, pool: 4 }, random),
  causalConv1d: (random) => convCall({ batch: 3, L: 5, pool: 4, from: 'state' }, random),
  causalConv1dUpdate: (random) => convUpdateCall({ batch: 3, pool: 4 }, random),
};

function gradient(call: Call): Call {
  return backwardOf(call, new Random(call.op));
}

/** What goes wrong while running reaches whoever reads, and nobody else. */
export const failures: Suite = {
  name: 'failures',
  ops: opNames,
  *cases(op) {
    yield reported(op, 'thrown', () => {
      throw new CallFailure(0, new Error('the device is on fire'));
    });
    yield reported(op, 'rejected', () =>
      Promise.reject(new CallFailure(0, new Error('the device is on fire'))),
    );
    for (const [name, call] of strayIndices[op]?.(new Random(op)) ?? []) yield stray(name, call);
    const writer = writers[op];
    if (writer) {
      yield wrongSlot('a written state named twice', writer, 2, 3);
      yield wrongSlot('a slot beyond the pool', writer, 2, 4);
      yield paddingAlone(writer);
      yield refusedAtOnce(writer);
    }
    yield outOfMemory();
  },
};

/** The failing call's results reject, `sync` says so once, and the engine goes on. */
function reported(op: OpName, how: string, instead: () => Promise<never>): Case {
  return {
    name: `a failure ${how}`,
    async run(bench) {
      const call = examples[op]!('f32', 'small', new Random(op));
      const before = await bench.run(call);
      bench.guard.failNext(instead);
      const results = bench.engine.call(op, bench.arguments(call));
      for (const [name, tensor] of Object.entries(results)) {
        bench.own(tensor);
        const error = await rejection(tensor.read());
        if (!SsError.is(error, 'execution-failed'))
          throw new Error(`read() of ${name} does not reject with execution-failed.`);
        if (!error.message.includes(op)) throw new Error('The failure does not name the op.');
      }
      const error = await rejection(bench.engine.sync());
      if (!SsError.is(error, 'execution-failed'))
        throw new Error('sync() does not reject with execution-failed.');
      await bench.engine.sync();
      const after = await bench.run(call);
      for (const [name, { data }] of Object.entries(before.outputs))
        assertSame(name, after.outputs[name]!, data);
    },
  };
}

/** Either every result rejects with `execution-failed`, or none does. */
function stray(name: string, call: Call): Case {
  return {
    name,
    async run(bench) {
      bench.assess(call);
      const results = bench.engine.call(call.op, bench.arguments(call));
      const errors = await Promise.all(
        Object.values(results).map((tensor: Tensor) => rejection(bench.own(tensor).read())),
      );
      const synced = await rejection(bench.engine.sync());
      for (const error of [...errors, synced]) {
        if (error === undefined && synced === undefined) continue;
        if (!SsError.is(error, 'execution-failed')) {
          throw new Error('sync() and read() do not agree on whether the op failed with execution-failed.');
        }
      }
      await works(bench, call.op);
    },
  };
}

/** A sequence whose state cannot be used is refused; where the device cannot refuse, it gives NaN and touches no state. */
function wrongSlot(name: string, make: (random: Random) => Call, sequence: number, slot: number): Case {
  return {
    name,
    async run(bench) {
      const right = make(new Random(name));
      const wrong = withElement(right, 'stateIndices', [sequence], slot);
      bench.assess(wrong);
      const given = bench.arguments(wrong);
      const y = bench.own(bench.engine.call(wrong.op, given)['y']!);
      const state = given['state'] as Tensor;
      const errors = [
        await rejection(y.read()),
        await rejection(state.read()),
        await rejection(bench.engine.sync()),
      ];
      if (errors.every((error) => SsError.is(error, 'execution-failed'))) return await works(bench, wrong.op);
      if (errors.some((error) => error !== undefined))
        throw new Error(
          'y, the state and sync() do not agree on whether the op failed with execution-failed.',
        );
      const padded = withElement(right, 'stateIndices', [sequence], -1);
      const expected = await bench.expected(padded);
      const wanted = expected['y']!.data.slice();
      const size = wanted.length / wrong.inputs['stateIndices']!.shape[0]!;
      wanted.fill(NaN, sequence * size, (sequence + 1) * size);
      const { call } = bench.assess(padded);
      const outputs = await readAll({ y, state });
      bench.compare(
        padded,
        { call, plan: { ok: true, numerics: 'tolerance' }, outputs },
        {
          y: wanted,
          state: expected['state']!.data,
        },
      );
    },
  };
}

/** Padding names no state, however often it is there. */
function paddingAlone(make: (random: Random) => Call): Case {
  return {
    name: 'nothing but padding',
    async run(bench) {
      await bench.check(
        withElements(make(new Random('padding')), 'stateIndices', (i) => (i === 1 ? -7 : -1)),
      );
    },
  };
}

/** Indices that the host knows are looked at before anything runs. */
function refusedAtOnce(make: (random: Random) => Call): Case {
  return {
    name: 'a written state named twice by a host tensor',
    run(bench) {
      const wrong = withElement(make(new Random('twice')), 'stateIndices', [2], 3);
      bench.assess(wrong);
      const { data, shape, dtype } = wrong.inputs['stateIndices']!;
      const stateIndices = bench.own(fromBytes(encode(data, dtype), shape, dtype));
      const submitted = bench.guard.submitted();
      const { state, ...others } = bench.arguments(wrong);
      let thrown: unknown;
      try {
        bench.engine.call(wrong.op, { ...others, state, stateIndices });
      } catch (error) {
        thrown = error;
      }
      if (!SsError.is(thrown, 'argument-invalid'))
        throw new Error('The call is not refused with argument-invalid.');
      if (bench.guard.submitted() !== submitted) throw new Error('A refused call was submitted.');
      return Promise.resolve();
    },
  };
}

/** The engine still does its work. */
async function works(bench: Bench, op: OpName): Promise<void> {
  await bench.check(examples[op]!('f32', 'small', new Random(op)));
}

function outOfMemory(): Case {
  return {
    name: 'out of memory',
    run(bench) {
      const before = bench.engine.memory();
      let thrown: unknown;
      try {
        bench.engine.backend.alloc(absurd, { zero: false });
      } catch (error) {
        thrown = error;
      }
      if (!SsError.is(thrown, 'out-of-memory'))
        throw new Error(`Allocating ${absurd} bytes is not refused with out-of-memory.`);
      const after = bench.engine.memory();
      if (after.liveBuffers !== before.liveBuffers)
        throw new Error('A refused allocation is counted as a live buffer.');
      return Promise.resolve();
    },
  };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
