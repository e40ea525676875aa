import type { OpName } from '@ss/core';
import { backwardOf } from '../calls/backward.ts';
import type { Call } from '../calls/call.ts';
import type { Case, Suite } from '../case.ts';
import { Random } from '../random.ts';
import type { Tier } from '../report.ts';

/** A call by the name of its case. */
export type Named = readonly [name: string, make: (random: Random) => Call];

/** Calls of each op that must give what the reference gives. */
export type Grids = Partial<Readonly<Record<OpName, (tier: Tier) => Iterable<Named>>>>;

/** Compares every call of the grids with the reference in float64. */
export function referenceSuite(name: string, grids: Grids): Suite {
  return {
    name,
    ops: Object.keys(grids) as OpName[],
    *cases(op, { tier }) {
      for (const [name, make] of grids[op]!(tier)) yield referenceCase(name, make, op);
    },
  };
}

function referenceCase(name: string, make: Named[1], op: OpName): Case {
  return {
    name,
    async run(bench) {
      await bench.check(make(new Random(`${op} ${name}`)));
    },
  };
}

/** The gradients of the same calls. */
export function gradientsOf(forward: (tier: Tier) => Iterable<Named>): (tier: Tier) => Named[] {
  return (tier) =>
    [...forward(tier)].map(([name, make]) => [name, (random) => backwardOf(make(random), random)]);
}
