import { SsError, throwIfAborted } from '@ss/core';
import type { Engine } from '@ss/core';
import { scanCotangents, scanInputs } from '../../scan-inputs.ts';
import type { Work } from '../../work.ts';
import { measure } from '../measure.ts';
import type { Budget } from '../measure.ts';
import { checkOp, outputsOf, repeatable } from '../op.ts';
import { report, requireAgreement } from '../report.ts';
import type { Benchmark, Row } from '../report.ts';
import { shownSetting } from '../scan.ts';
import type { ScanSetting } from '../scan.ts';
import { compareScans } from './compare-scans.ts';
import { most } from './limits.ts';
import { loadPeers } from './load-peers.ts';
import { mannerOf } from './own-model.ts';
import type { Limits, Peers } from './peer.ts';
import { withRatios } from './ratio.ts';
import type { Side } from './ratio.ts';

/** Times the scan, or scan and gradient together, in turn with every formulation of it in PyTorch. */
export async function benchScanAgainst(
  engine: Engine,
  setting: ScanSetting,
  budget: Budget,
  work: Work,
): Promise<void> {
  if (setting.dtype !== 'f32') {
    throw new SsError('argument-invalid', `The peers scan in f32, not in ${setting.dtype}.`, {
      hint: 'Leave out --dtype.',
    });
  }
  if (setting.chunkedCumsum) {
    throw new SsError('argument-invalid', 'Of chunked cumulative sums the peer has its own.', {
      hint: 'Leave out --also, or --against.',
    });
  }
  const peers = await loadPeers();
  const rows: Row[] = [];
  const checks: Benchmark['check'][] = [];
  let limits: Limits | undefined;
  for (const length of setting.lengths) {
    throwIfAborted(work.signal, 'preparing inputs');
    const done = await compareLength(engine, setting, length, peers, budget);
    checks.push(...done.checks);
    rows.push(...done.rows);
    limits = most(limits, done.limits);
  }
  const [check, ...others] = checks;
  const shown = { ...shownSetting(setting), ...(setting.grad && { gradient: true }) };
  await report({ bench: 'scan', engine, setting: shown, check: check!, checks: others, limits, rows }, work);
}

async function compareLength(
  engine: Engine,
  setting: ScanSetting,
  length: number,
  peers: Peers,
  budget: Budget,
): Promise<{ checks: Benchmark['check'][]; rows: Row[]; limits: Limits | undefined }> {
  const { batch, channels, states, grad } = setting;
  const shape = { batch, length, channels, states };
  const inputs = scanInputs(shape, setting, 'f32');
  const cotangents = scanCotangents(inputs, shape, 'f32');
  const check = await checkOp(engine, 'selectiveScan', inputs);
  requireAgreement(check, 'scan');
  const ours = new Map<string, ArrayLike<number>>(await outputsOf(engine, 'selectiveScan', inputs));
  if (grad)
    for (const [name, values] of await outputsOf(engine, 'selectiveScanBackward', cotangents))
      ours.set(name, values);

  await using torch = await peers.openScan(grad ? cotangents : inputs);
  const compared = await compareScans(torch, inputs, ours);
  using forward = repeatable(engine, 'selectiveScan', inputs);
  using backward = grad ? repeatable(engine, 'selectiveScanBackward', cotangents) : undefined;
  const manner = mannerOf(engine);
  const before = await peers.measureLimits(manner.threads);
  const [own, ...theirs] = await measure(
    [
      async () => {
        await forward.run();
        await backward?.run();
      },
      ...compared.map(
        ({ formulation }) =>
          () =>
            torch.run(formulation),
      ),
    ],
    budget,
  );
  const limits = most(before, await peers.measureLimits(manner.threads));

  const amount = (batch * length * channels * states) / 1e9;
  const row = (what: string, timing: Row['timing'], more: Row['more'] = {}): Row => ({
    what: setting.lengths.length > 1 ? `${what}, L ${length}` : what,
    timing,
    work: { 'G updates': amount },
    more: { 'not finite': '0', 'else off by': '0', ...more },
  });
  const oursRow = row(engine.id, own!);
  const sides: Side[] = [
    { row: oursRow, manner, amount: grad ? undefined : amount },
    ...compared.map(({ formulation, notFinite, off }, i) => ({
      row: row(`torch, ${formulation}`, theirs[i]!, { 'not finite': notFinite, 'else off by': off }),
      manner: torch.manner,
      amount: grad ? undefined : amount,
      ours: oursRow,
    })),
  ];
  return {
    checks: [check, ...compared.map((one) => one.check)],
    rows: withRatios(sides, limits, 'G updates/s'),
    limits,
  };
}
