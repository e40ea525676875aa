import { CallFailure, SsError } from '@ss/core';
import type { OpName, Tensor } from '@ss/core';
import { opNames } from '@ss/core/engine';
import type { Bench } from '../bench.ts';
import type { Call } from '../calls/call.ts';
import { convCall } from '../calls/causal-conv1d.ts';
import { embeddingCall } from '../calls/dense.ts';
import { withElement } from '../calls/edit.ts';
import { examples } from '../calls/examples.ts';
import { crossEntropyCall } from '../calls/logits.ts';
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
  crossEntropy: (random) => [
    ['target beyond the classes', withElement(crossEntropyCall({ R: 3, V: 5 }, random), 'targets', [1], 5)],
  ],
  selectiveStateUpdate: (random) => [
    ['slot beyond the pool', withElement(updateCall({ batch: 3, pool: 4 }, random), 'stateIndices', [0], 4)],
  ],
  selectiveScan: (random) => [
    [
      'slot beyond the pool',
      withElement(scanCall({ batch: 3, L: 5, pool: 4, from: 'state' }, random), 'stateIndices', [0], 4),
    ],
    ['cuSeqlens beyond the row', withElement(scanCall({ packed: [2, 3] }, random), 'cuSeqlens', [2], 6)],
  ],
  causalConv1d: (random) => [
    ['cuSeqlens decrease', withElement(convCall({ packed: [2, 3] }, random), 'cuSeqlens', [1], 7)],
  ],
};

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
