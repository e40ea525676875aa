import { opNames } from '@ss/core/engine';
import { forwardOf } from '../calls/backward.ts';
import type { Case, Setup, Suite } from '../case.ts';
import type { VectorEntry } from '../vectors/folder.ts';
import { readVector } from '../vectors/reader.ts';

/** Float64 truth from files: the official ops and NumPy's, with gradients where the files have them. */
export const golden: Suite = {
  name: 'golden',
  ops: opNames,
  async *cases(op, { vectors }) {
    for (const entry of await vectors.index()) {
      if (entry.op === op) yield outputs(entry, vectors);
      if (entry.op === forwardOf(op) && (await gradientOf(entry, vectors))) yield gradients(entry, vectors);
    }
  },
};

type Vectors = Setup['vectors'];

function outputs(entry: VectorEntry, vectors: Vectors): Case {
  return {
    name: entry.id,
    async run(bench) {
      const { call, expected } = readVector(entry, await vectors.tensors(entry));
      await bench.check(call, expected);
    },
  };
}

function gradients(entry: VectorEntry, vectors: Vectors): Case {
  return {
    name: entry.id,
    async run(bench) {
      const { call, expected } = (await gradientOf(entry, vectors))!;
      await bench.check(call, expected);
    },
  };
}

async function gradientOf(
  entry: VectorEntry,
  vectors: Vectors,
): Promise<ReturnType<typeof readVector>['gradient']> {
  return readVector(entry, await vectors.tensors(entry)).gradient;
}
