import { dispatch } from '../shader/kernel.ts';
import type { Kernel, Spec } from '../shader/kernel.ts';
import { maybe, operand } from '../shader/operand.ts';
import type { Arg } from '../shader/operand.ts';
import type { KernelOp } from './kernel-op.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { slotCode, slotParams, slotValues } from './sequences.ts';

const lanes = 64;
/** Invocations that share the states of one channel, at most. */
const mostShares = 16;
const dtypes = { '*': narrowFloats, A: ['f32'], state: ['f32'], stateIndices: ['i32'] } as const;

interface UpdateSpec extends Spec {
  readonly softplus: boolean;
  /** Invocations of one channel. */
  readonly shares: number;
}

/** One step of the recurrence. Channels are heads (H, P), or one head. */
const updateKernel: Kernel<UpdateSpec> = {
  name: 'state update',
  lanes,
  params: ['E', 'channels', 'P', 'N', 'perGroup', ...slotParams],
  stores: { y: 'elements', state: 'elements' },
  code: ({ has, spec: { softplus, shares } }) => `${slotCode(has)}
var<workgroup> sums: array<f32, LANES>;
fn run(group: u32, lane: u32) {
  let share = lane % ${shares}u;
  let own_channel = group * ${lanes / shares}u + lane / ${shares}u;
  let e = min(own_channel, P.E - 1u);
  let b = e / P.channels;
  let c = e % P.channels;
  let h = c / P.P;
  let p = c % P.P;
  let g = c / P.perGroup;
  let slot = slot_of(b);
  let works = slot >= 0 && own_channel < P.E;
  let own = u32(max(slot, 0));
  var dt = dt_in(b, h, p)${has('bias') ? ' + bias(h, p)' : ''};
  ${softplus ? 'dt = softplus_(dt);' : ''}
  let u = x(b, h, p);
  let dtx = dt * u;
  var sum = 0.0;
  for (var n = select(P.N, share, works); n < P.N; n += ${shares}u) {
    let at = state_at(own, h, p, n);
    let next = exp_(dt * A(h, p, n)) * state_load(at) + dtx * B(b, g, n);
    state_store(at, next);
    sum += next * C(b, g, n);
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (share > 0u || own_channel >= P.E) { return; }
  sum = 0.0;
  for (var i = 0u; i < ${shares}u; i++) { sum += sums[lane + i]; }
  ${has('D') ? 'sum += D(h, p) * u;' : ''}
  ${has('z') ? 'sum *= silu_(z(b, h, p));' : ''}
  y_store(y_at(b, h, p), select(padding_of(slot), sum, works));
}`,
};

export const selectiveStateUpdate: KernelOp = {
  assess(call) {
    const { B, N } = call.sizes as { B: number; N: number };
    const channels = channelsOf(call.sizes);
    return (
      unsupported(call, dtypes) ?? {
        ok: true,
        numerics: 'tolerance',
        cost: { flops: 8 * B * channels * N, bytes: 8 * B * channels * N },
      }
    );
  },

  dispatches(call) {
    const { inputs, outputs, options, sizes } = call;
    const { B, N, G, P } = sizes as { B: number; N: number; G: number; P?: number };
    const channels = channelsOf(sizes);
    let shares = 1;
    while (shares < N && shares < mostShares) shares *= 2;
    const heads = P !== undefined;
    const sequence = heads ? [0, 1, 2] : [0, undefined, 1];
    const perChannel = heads ? [0, 1] : [undefined, 0];
    const projection = (arg: Arg) => operand(arg, arg.shape.length === 3 ? [0, 1, 2] : [0, undefined, 1]);
    return [
      dispatch(updateKernel, {
        spec: { softplus: options['softplus'] === true, shares },
        operands: {
          state: operand(inputs['state']!, heads ? [0, 1, 2, 3] : [0, undefined, 1, 2]),
          x: operand(inputs['x']!, sequence),
          dt_in: operand(inputs['dt']!, sequence),
          A: operand(inputs['A']!, heads ? [0, 1, 2] : [undefined, 0, 1]),
          B: projection(inputs['B']!),
          C: projection(inputs['C']!),
          D: maybe(inputs['D'], perChannel),
          z: maybe(inputs['z'], sequence),
          bias: maybe(inputs['dtBias'], perChannel),
          indices: maybe(inputs['stateIndices']),
          y: operand(outputs['y']!, sequence),
        },
        params: {
          E: B * channels,
          channels,
          P: P ?? channels,
          N,
          perGroup: channels / G,
          ...slotValues(call),
        },
        groups: Math.ceil((B * channels * shares) / lanes),
      }),
    ];
  },
};

function channelsOf(sizes: Readonly<Record<string, number>>): number {
  return sizes['D'] ?? sizes['H']! * sizes['P']!;
}
