import type { OpName } from '@ss/core';
import type { Bench, Result } from '../bench.ts';
import { backwardOf } from '../calls/backward.ts';
import { makeCall } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { convCall } from '../calls/causal-conv1d.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { lengthOf, mapTime } from '../calls/time.ts';
import type { Case, Suite } from '../case.ts';
import { combine, label } from '../combinations.ts';
import { assertClose } from '../compare.ts';
import { Random } from '../random.ts';
import type { Tier } from '../report.ts';
import { concatenated, selected, sliced } from '../values.ts';
import type { Values } from '../values.ts';
import { assertAgreement } from './agreement.ts';

/** Where a sequence of 70 steps is cut: one step, less than a convolution's width, uneven pieces. */
const cuts = [0, 1, 3, 20, 21, 69, 70];
const single = Array.from({ length: 10 }, (_, i) => i);

const grid = {
  dtype: ['f32', 'f16', 'bf16'],
  reverse: [false, true],
  through: ['initialState', 'state'],
  groups: [0, 2],
  softplus: [true, false],
} as const;

/** prefill = any chunking = single steps, for outputs and final states; and for gradients. */
export const chunks: Suite = {
  name: 'chunks',
  ops: ['selectiveScan', 'causalConv1d', 'selectiveScanBackward', 'causalConv1dBackward'],
  *cases(op, { tier }) {
    if (op === 'selectiveScan' || op === 'causalConv1d') {
      for (const row of rows(tier)) yield pieces(op, row, cuts);
      for (const row of rows(tier)) if (!row.reverse && row.through === 'state') yield steps(op, row);
      return;
    }
    for (const dtype of grid.dtype) yield gradients(op, dtype);
  },
};

type Row = ReturnType<typeof combine<typeof grid>>[number];

function rows(tier: Tier): Row[] {
  return combine(tier, grid);
}

function sequence(op: OpName, { dtype, reverse, groups, softplus }: Row, L: number, random: Random): Call {
  if (op === 'causalConv1d') {
    return convCall(
      { dtype, reverse, L, dim: 6, W: 4, bias: true, silu: softplus, from: 'initialState' },
      random,
    );
  }
  const flags = { D: true, z: true, bias: true, data: 'initial', from: 'initialState' } as const;
  return scanCall({ ...flags, dtype, reverse, groups, softplus, L, dim: 6, N: 5 }, random);
}

/** One call against a call per piece, the state handed on through `initialState` or kept in `state`. */
function pieces(op: OpName, row: Row, at: readonly number[]): Case {
  return {
    name: `pieces,${label(row)}`,
    async run(bench) {
      const call = sequence(op, row, at.at(-1)!, new Random(label(row)));
      const whole = await bench.run(call);
      const results: Result[] = [];
      const order = at.slice(1).map((end, i) => [at[i]!, end] as const);
      let state = call.inputs['initialState']!;
      for (const [start, end] of row.reverse ? order.toReversed() : order) {
        const piece = mapTime(call, (value) => sliced(value, 1, start, end));
        const { initialState: _, ...others } = piece.inputs;
        const inputs = { ...others, [row.through]: state };
        const result = await bench.run(
          makeCall(op, inputs, { ...call.options, finalState: row.through === 'initialState' }),
        );
        state = result.outputs['finalState'] ?? result.outputs['state']!;
        results.push(result);
      }
      const ys = results.map(({ outputs }) => outputs['y']!);
      const all = [whole, ...results];
      assertAgreement(
        call,
        all,
        'y',
        concatenated(row.reverse ? ys.toReversed() : ys, 1),
        whole.outputs['y']!,
      );
      assertAgreement(call, all, 'finalState', state, whole.outputs['finalState']!);
    },
  };
}

/** One call against the op of a single step. */
function steps(op: OpName, row: Row): Case {
  const update: OpName = op === 'causalConv1d' ? 'causalConv1dUpdate' : 'selectiveStateUpdate';
  return {
    name: `steps,${label(row)}`,
    uses: [update],
    async run(bench) {
      const call = sequence(op, row, single.length, new Random(label(row)));
      const whole = await bench.run(call);
      const ys: Values[] = [];
      const all = [whole];
      let state = call.inputs['initialState']!;
      for (const t of single) {
        const result = await bench.run(step(update, call, t, state));
        state = result.outputs['state']!;
        ys.push(result.outputs['y']!);
        all.push(result);
      }
      const y = whole.outputs['y']!;
      for (const t of single) assertAgreement(call, all, 'y', ys[t]!, selected(y, 1, t));
      assertAgreement(call, all, 'finalState', state, whole.outputs['finalState']!);
    },
  };
}

function step(op: OpName, call: Call, t: number, state: Values): Call {
  const {
    u,
    delta,
    deltaBias,
    initialState: _,
    x,
    ...rest
  } = mapTime(call, (value) => selected(value, 1, t)).inputs;
  const { activation, softplus } = call.options;
  if (op === 'causalConv1dUpdate') return makeCall(op, { x, state, ...rest }, { activation });
  return makeCall(op, { state, x: u, dt: delta, dtBias: deltaBias, ...rest }, { softplus });
}

/**
 * Backwards piece by piece: the cotangent of a piece's final state is that of the next one's initial state,
 * and gradients of parameters add up.
 */
function gradients(op: OpName, dtype: Row['dtype']): Case {
  const forward: OpName = op === 'causalConv1dBackward' ? 'causalConv1d' : 'selectiveScan';
  return {
    name: `pieces,dtype=${dtype}`,
    uses: [forward],
    async run(bench) {
      const random = new Random(`${op} ${dtype}`);
      const row = { dtype, reverse: false, groups: 2, softplus: true, through: 'initialState' } as const;
      const call = sequence(forward, row, cuts.at(-1)!, random);
      const backward = backwardOf(call, random);
      const whole = await bench.run(backward);
      const states = await statesAt(bench, call);
      const found = new Map<string, Values[]>();
      let dfinalState = backward.inputs['dfinalState']!;
      for (let i = cuts.length - 2; i >= 0; i--) {
        const piece = mapTime(backward, (value) => sliced(value, 1, cuts[i]!, cuts[i + 1]!));
        const { outputs } = await bench.run({
          ...piece,
          inputs: { ...piece.inputs, initialState: states[i]!, dfinalState },
        });
        dfinalState = outputs['dinitialState']!;
        for (const [name, gradient] of Object.entries(outputs))
          found.set(name, [gradient, ...(found.get(name) ?? [])]);
      }
      for (const [name, expected] of Object.entries(whole.outputs)) {
        assertClose(
          whole.call,
          dtype,
          name,
          joined(found.get(name)!, expected, lengthOf(call)),
          expected.data,
        );
      }
    },
  };
}

/** The states in front of every piece. */
async function statesAt(bench: Bench, call: Call): Promise<Values[]> {
  const states = [call.inputs['initialState']!];
  for (const [i, end] of cuts.slice(1, -1).entries()) {
    const piece = mapTime(call, (value) => sliced(value, 1, cuts[i]!, end));
    const { outputs } = await bench.run({
      ...piece,
      inputs: { ...piece.inputs, initialState: states.at(-1)! },
    });
    states.push(outputs['finalState']!);
  }
  return states;
}

function joined(parts: readonly Values[], whole: Values, length: number): Values {
  const { shape, dtype } = parts[0]!;
  if (shape.length >= 3 && whole.shape[1] === length) return concatenated(parts, 1);
  // The first piece's initial state is the whole's.
  if (shape.length >= 3) return parts[0]!;
  const data = parts[0]!.data.map((_, i) => parts.reduce((sum, part) => sum + part.data[i]!, 0));
  return { shape, dtype, data };
}
