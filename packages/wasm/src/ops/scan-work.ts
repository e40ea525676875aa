import { SCAN_BLOCK, SCAN_UNIT, scanArgs } from '../kernels/layout.generated.ts';
import { code, fields, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { Bound, Work } from './kernel-op.ts';
import { sequenceFault, sequenceFields } from './sequences.ts';

/** Time steps and channels worked on together: with 16 states their scratch fits a second-level cache. */
const mostSteps = 32;
const mostChannels = 1536;

/** What decides how the kernel cuts the work up: heads H of P channels, N states. */
export interface ScanExtents {
  readonly sequences: number;
  readonly L: number;
  readonly H: number;
  readonly P: number;
  readonly N: number;
  /** How many of B and C do not vary in time. */
  readonly constants: number;
}

/** Scratch of one thread; its layout is in `assembly/scan.ts`. */
export function scanCost({ sequences, L, H, P, N, constants }: ScanExtents): {
  readonly span: number;
  readonly tile: number;
  readonly scratchBytes: number;
  readonly flops: number;
} {
  const tile = Math.min(mostSteps, L);
  const span = Math.min(mostChannels, roundUp(P, SCAN_UNIT));
  const lanes = roundUp(span, SCAN_BLOCK);
  const floats = lanes * ((2 + constants) * N + 3 * tile + 5) + 2 * tile * N;
  return { span, tile, scratchBytes: roundUp(4 * floats), flops: 8 * sequences * L * H * P * N };
}

/**
 * Arguments under the kernel's axes. `sequence` ones are (B, T, H, P), a missing T has the stride 0; a varying
 * projection is (B, T, G, N), a constant one (H, P, N).
 */
export interface ScanViews {
  readonly u: Arg;
  readonly delta: Arg;
  readonly z: Arg | undefined;
  readonly y: Arg;
  /** (H, P, N) */
  readonly A: Arg;
  readonly B: Arg;
  readonly C: Arg;
  readonly BVaries: boolean;
  readonly CVaries: boolean;
  /** (H, P) */
  readonly D: Arg | undefined;
  readonly bias: Arg | undefined;
  /** (slots or sequences, H, P, N) */
  readonly h0: Arg | undefined;
  readonly h1: Arg | undefined;
  readonly headsPerGroup: number;
}

const bthp = { B: 0, T: 1, H: 2, P: 3 } as const;
const bhpn = { B: 0, H: 1, P: 2, N: 3 } as const;
const hp = { H: 0, P: 1 } as const;

/** One run of the scan kernel. */
export function scanWork(call: Bound, extents: ScanExtents, views: ScanViews): Work<typeof scanArgs> {
  const { sequences, L, H, P, N } = extents;
  const { u, delta, z, y, A, B, C, D, bias, h0, h1, BVaries, CVaries, headsPerGroup } = views;
  const { span, tile, scratchBytes, flops } = scanCost(extents);
  return {
    kernel: 'selectiveScan',
    layout: scanArgs,
    units: sequences * H * Math.ceil(P / SCAN_UNIT),
    scratchBytes,
    cost: flops,
    fault: sequenceFault(call),
    values: {
      ...sequenceFields(call),
      L,
      H,
      P,
      N,
      headsPerGroup,
      softplus: call.options['softplus'] ? 1 : 0,
      reverse: call.options['reverse'] ? 1 : 0,
      span,
      tile,
      dtype: code(u.dtype),
      ...fields(u, ['u', 'u'], bthp),
      ...fields(delta, ['delta', 'delta'], bthp),
      ...fields(z, ['z', 'z'], bthp),
      ...fields(y, ['y', 'y'], bthp),
      ...fields(A, ['A', 'A'], { H: 0, P: 1, N: 2 }),
      AType: code(A.dtype),
      BVaries: BVaries ? 1 : 0,
      ...fields(B, ['Bs', 'B'], projectionAxes(BVaries)),
      BType: code(B.dtype),
      CVaries: CVaries ? 1 : 0,
      ...fields(C, ['Cs', 'C'], projectionAxes(CVaries)),
      CType: code(C.dtype),
      ...fields(D, ['D', 'D'], hp),
      DType: code(D?.dtype ?? 'f32'),
      ...fields(bias, ['bias', 'bias'], hp),
      biasType: code(bias?.dtype ?? 'f32'),
      ...fields(h0, ['h0', 'h0'], bhpn),
      h1BySlot: call.inputs['state'] ? 1 : 0,
      ...fields(h1, ['h1', 'h1'], bhpn),
    },
  };
}

type ProjectionAxes = Readonly<Record<'B' | 'T' | 'G' | 'H' | 'P' | 'N', number | undefined>>;

function projectionAxes(varies: boolean): ProjectionAxes {
  return varies
    ? { B: 0, T: 1, G: 2, H: undefined, P: undefined, N: 3 }
    : { B: undefined, T: undefined, G: undefined, H: 0, P: 1, N: 2 };
}
