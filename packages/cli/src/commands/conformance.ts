import type { Tier } from '@ss/conformance';
import type { OpName } from '@ss/core';
import { Command } from 'commander';
import { chooseEngine } from '../choose-engine.ts';
import { among, backendOptions, examples, requireOps } from '../options.ts';
import type { BackendOptions } from '../options.ts';
import type { Work } from '../work.ts';

interface Options extends BackendOptions {
  readonly tier: Tier;
  readonly vectors?: string;
  readonly ops?: readonly OpName[];
  readonly cases?: string;
}

/** `ss conformance`: the kit, on one backend. */
export function conformanceCommand(work: Work): Command {
  return backendOptions(new Command('conformance'))
    .description('test a backend against the contract; status 1 when anything failed')
    .option('--tier <tier>', 'quick, or full with every combination', among('quick', 'full'), 'quick')
    .option('--vectors <folder>', 'other golden vectors than those of the kit')
    .option('--ops <name,...>', 'only these ops', (value: string) => value.split(','))
    .option('--cases <pattern>', 'only cases whose id fits; * stands for anything')
    .addHelpText(
      'after',
      examples(
        'ss conformance --backend wasm',
        'ss conformance --backend wasm --ops selectiveScan --tier full',
        "ss conformance --backend reference --cases 'golden/selectiveScan/*'",
      ),
    )
    .action(async (options: Options, command: Command) => {
      requireOps(options.ops ?? [], command, (await import('@ss/core/engine')).opNames);
      const { formatReport, runConformance } = await import('@ss/conformance');
      const report = await runConformance({
        backend: () => chooseEngine(options, work, { fallback: 'none' }),
        tier: options.tier,
        vectorsDir: options.vectors,
        ops: options.ops,
        cases: options.cases,
        signal: work.signal,
        onResult: ({ id, status, reason }) => {
          if (status === 'failed') work.note(`failed: ${id}: ${reason}`);
        },
      });
      work.status = report.failed > 0 ? 1 : 0;
      await work.result(report, formatReport(report));
    });
}
