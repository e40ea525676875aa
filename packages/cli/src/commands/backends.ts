import { createRegistry, dtypes } from '@ss/core';
import type { DType, OpName } from '@ss/core';
import { Command } from 'commander';
import { among, counts, examples, outputOptions, requireOps } from '../options.ts';
import type { Work } from '../work.ts';

interface Options {
  readonly op?: OpName;
  readonly dtype: DType;
  readonly shape?: readonly number[];
}

/** `ss backends`: who would be used, who not, and why. */
export function backendsCommand(work: Work): Command {
  return outputOptions(new Command('backends'))
    .description('every backend with what would become of it, and why')
    .option('--op <name>', 'ask for one op instead of all')
    .option(
      '--dtype <dtype>',
      "dtype of the op's main tensor",
      among(...(Object.keys(dtypes) as DType[])),
      'f32',
    )
    .option('--shape <extents>', "shape of the op's main tensor, such as 1,2048,1536", counts)
    .addHelpText(
      'after',
      examples('ss backends', 'ss backends --op selectiveScan --dtype bf16 --shape 1,2048,1536'),
    )
    .action(async ({ op, dtype, shape }: Options, command: Command) => {
      const { opNames } = await import('@ss/core/engine');
      requireOps(op === undefined ? [] : [op], command, opNames);
      const decision = await createRegistry().explain({ op, dtype, shape, load: true });
      await work.result(decision, String(decision));
    });
}
