import { SsError } from '@ss/core';
import type { SelectiveScanArgs, SelectiveScanBackwardArgs } from '@ss/core';
import { compare } from '../../compare.ts';
import { requireAgreement } from '../report.ts';
import type { Benchmark } from '../report.ts';
import type { ScanPeer } from './peer.ts';

type Values = ArrayLike<number>;
export type Outputs = ReadonlyMap<string, Values>;

/** Step by step every output is the same sum in another order: it may differ by this share of its largest value. */
const stepShare = 1e-4;
/** What no chunk loses yet: with time steps near 0.1 and A = -16 it has divided by exp(-25) by then. */
const safeSteps = 16;
const safeShare = 1e-2;

/** One way in which a peer writes the scan, compared with ours. */
export interface ComparedScan {
  readonly formulation: string;
  readonly check: Benchmark['check'];
  /** share of its values that are not finite */
  readonly notFinite: string;
  /** the largest difference of those that are, as a share of the output's largest value */
  readonly off: string;
}

/**
 * Compares every output of every formulation with ours. That of single steps must agree everywhere; that of
 * chunks must in the first steps of y, and what becomes of the rest is counted.
 * @throws SsError `check-failed`
 */
export async function compareScans(
  peer: ScanPeer,
  { u }: SelectiveScanArgs | SelectiveScanBackwardArgs,
  ours: Outputs,
): Promise<ComparedScan[]> {
  const compared: ComparedScan[] = [];
  for (const formulation of peer.formulations) {
    const theirs = await peer.outputs(formulation);
    const missing = [...ours.keys()].find((name) => theirs.get(name)?.length !== ours.get(name)!.length);
    if (missing !== undefined)
      throw new SsError('check-failed', `${peer.version} answered no ${missing} of the same size as ours.`);
    const check =
      formulation === 'sequential'
        ? worst([...ours].map(([name, values]) => near(values, theirs.get(name)!, stepShare, `${name} of`)))
        : firstSteps(u.shape, ours.get('y')!, theirs.get('y')!);
    const said = { ...check, against: `${check.against} ${peer.version} ${formulation}` };
    requireAgreement(said, 'scan');
    compared.push({ formulation, check: said, ...lost(ours, theirs) });
  }
  return compared;
}

function near(ours: Values, theirs: Values, share: number, against: string): Benchmark['check'] {
  return { ...compare(theirs, ours, { rtol: 0, atol: share * largest(ours) }), against };
}

/** y (B, L, D) of the first steps of every sequence. */
function firstSteps(shape: readonly number[], ours: Values, theirs: Values): Benchmark['check'] {
  const [batch, length, channels] = shape as [number, number, number];
  const steps = Math.min(length, safeSteps);
  const first = (values: Values): Float32Array => {
    const all = Float32Array.from(values);
    const kept = new Float32Array(batch * steps * channels);
    for (let b = 0; b < batch; b++) {
      const from = b * length * channels;
      kept.set(all.subarray(from, from + steps * channels), b * steps * channels);
    }
    return kept;
  };
  return near(first(ours), first(theirs), safeShare, `the first ${steps} steps of`);
}

function worst(checks: readonly Benchmark['check'][]): Benchmark['check'] {
  return checks.reduce((a, b) => (a.used >= b.used ? a : b));
}

function largest(values: Values): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** What is not finite of all outputs together, and how far the rest is off, each output by its own measure. */
function lost(ours: Outputs, theirs: Outputs): Pick<ComparedScan, 'notFinite' | 'off'> {
  let [count, bad, off] = [0, 0, 0];
  for (const [name, values] of ours) {
    const others = theirs.get(name)!;
    const scale = largest(values);
    count += values.length;
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(others[i])) bad++;
      else if (scale > 0) off = Math.max(off, Math.abs(values[i]! - others[i]!) / scale);
    }
  }
  return { notFinite: percent(bad / count), off: percent(off) };
}

/** Two digits that mean something. */
function percent(share: number): string {
  return share === 0 ? '0' : `${Number((100 * share).toPrecision(2))} %`;
}
