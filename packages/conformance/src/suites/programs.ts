import { encode, fromBytes } from '@ss/core';
import type { OpName, Tensor } from '@ss/core';
import { opNames } from '@ss/core/engine';
import { readAll } from '../bench.ts';
import type { Bench } from '../bench.ts';
import { inferred } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { convUpdateCall } from '../calls/causal-conv1d.ts';
import { linearCall, normCall } from '../calls/dense.ts';
import { unaryCall } from '../calls/elementwise.ts';
import { examples } from '../calls/examples.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import type { Case, Suite } from '../case.ts';
import { assertSame } from '../compare.ts';
import { Random } from '../random.ts';
import type { Values } from '../values.ts';
import { assertSameBits } from './agreement.ts';

/** A recorded program gives the bits of the same ops called one by one. */
export const programs: Suite = {
  name: 'programs',
  ops: opNames,
  *cases(op) {
    for (const dtype of ['f32', 'bf16'] as const) {
      const random = new Random(`${op} ${dtype}`);
      // Three runs with inputs of their own: a program must not remember the last ones.
      const calls = [1, 2, 3].map(() => examples[op]!(dtype, 'small', random));
      yield recorded(`dtype=${dtype}`, calls);
    }
    if (op === 'selectiveStateUpdate') {
      yield keepsState(op, (random) => updateCall({ channels: [6], N: 3, D: true, softplus: true }, random));
    }
    if (op === 'causalConv1dUpdate') {
      yield keepsState(op, (random) => convUpdateCall({ dim: 6, bias: true, silu: true }, random));
    }
    if (op === 'linear') yield chain();
  },
};

function recorded(name: string, calls: readonly Call[]): Case {
  return {
    name,
    async run(bench) {
      const [first] = calls as [Call];
      const { inout } = inferred(first);
      // Integers stay what they were recorded with: offsets of packed sequences are part of a program's shape.
      const names = Object.keys(first.inputs).filter((input) => !inout.includes(input));
      const eager = [];
      for (const call of calls) eager.push(await bench.run(call));
      const states = Object.fromEntries(inout.map((input) => [input, bench.state(first.inputs[input]!)]));
      const inputs = Object.fromEntries(names.map((input) => [input, specOf(first.inputs[input]!)]));
      const program = bench.own(
        bench.engine.record(inputs, (given) =>
          bench.engine.call(first.op, { ...given, ...states, ...first.options }),
        ),
      );
      await bench.engine.prepare(program);
      for (const [run, call] of calls.entries()) {
        for (const input of inout) write(bench, states[input]!, call.inputs[input]!);
        const outputs = program.run(
          Object.fromEntries(names.map((input) => [input, hostTensor(bench, call.inputs[input]!)])),
        );
        assertSameBits(eager[run]!, { outputs: await readAll({ ...outputs, ...states }) });
      }
    },
  };
}

/** State that a program captured goes from run to run. */
function keepsState(op: OpName, make: (random: Random) => Call): Case {
  return {
    name: 'state goes from run to run',
    async run(bench) {
      const random = new Random(op);
      const call = make(random);
      const xs = [call, make(random), make(random), make(random)].map(({ inputs }) => inputs['x']!);
      let before = call.inputs['state']!;
      const ys: Values[] = [];
      for (const x of xs) {
        const { outputs } = await bench.run({ ...call, inputs: { ...call.inputs, x, state: before } });
        before = outputs['state']!;
        ys.push(outputs['y']!);
      }
      const state = bench.state(call.inputs['state']!);
      const args = bench.arguments(call);
      const program = bench.own(
        bench.engine.record({ x: specOf(xs[0]!) }, ({ x }) => bench.engine.call(op, { ...args, x, state })),
      );
      await bench.engine.prepare(program);
      // All runs are enqueued before the first result is waited for.
      const reads = xs.map((x) => readAll({ y: program.run({ x: hostTensor(bench, x) })['y']! }));
      for (const [t, read] of reads.entries()) assertSame(`y of run ${t}`, (await read)['y']!, ys[t]!.data);
      assertSame('state', (await readAll({ state }))['state']!, before.data);
    },
  };
}

/** Several ops and several programs: temporaries give their memory to later ops, programs share weights. */
function chain(): Case {
  return {
    name: 'chains that share a weight',
    uses: ['rmsNorm', 'silu'],
    async run(bench) {
      const random = new Random('chain');
      const weight = bench.place(linearCall({ K: 33, M: 33 }, random).inputs['weight']!);
      const scale = bench.place(normCall({ K: 33, weight: true }, random).inputs['weight']!);
      const { engine } = bench;
      const body = (x: Tensor): Tensor => {
        let h = x.alias();
        for (let layer = 0; layer < 3; layer++) {
          const { y: normed } = engine.rmsNorm({ x: h, weight: scale });
          const projected = engine.linear({ x: normed, weight });
          const next = engine.silu({ x: projected });
          for (const temporary of [h, normed, projected]) temporary.dispose();
          h = next;
        }
        return h;
      };
      const inputs = [2, 5].map((R) => unaryCall('silu', 'f32', [R, 33], random).inputs['x']!);
      const all = [];
      for (const input of inputs) {
        const program = bench.own(engine.record({ x: specOf(input) }, ({ x }) => body(x)));
        all.push({ input, program: await engine.prepare(program) });
      }
      for (const { input, program } of [...all, ...all.toReversed()]) {
        const y = program.run({ x: hostTensor(bench, input) });
        const eager = bench.own(engine.scope(() => body(bench.place(input))));
        assertSameBits({ outputs: await readAll({ y: eager }) }, { outputs: await readAll({ y }) });
      }
    },
  };
}

function specOf({ dtype, shape }: Values): { dtype: Values['dtype']; shape: Values['shape'] } {
  return { dtype, shape };
}

function hostTensor(bench: Bench, { data, shape, dtype }: Values): Tensor {
  return bench.own(fromBytes(encode(data, dtype), shape, dtype));
}

function write(bench: Bench, state: Tensor, { data, dtype }: Values): void {
  bench.engine.backend.write(state.storage.handle, 0, encode(data, dtype));
}
