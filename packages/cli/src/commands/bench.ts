import { floatDTypes } from '@ss/core';
import type { OpName } from '@ss/core';
import { Command } from 'commander';
import type { ConvSetting } from '../bench/conv.ts';
import type { LinearSetting } from '../bench/linear.ts';
import type { ModelSetting } from '../bench/model.ts';
import type { ScanSetting } from '../bench/scan.ts';
import { chooseEngine } from '../choose-engine.ts';
import {
  among,
  backendOptions,
  count,
  counts,
  examples,
  number,
  switchedOn,
  weightsOption,
} from '../options.ts';
import type { BackendOptions } from '../options.ts';
import type { Work } from '../work.ts';

interface TimingOptions extends BackendOptions {
  readonly seconds: number;
  readonly rounds: number;
}

const float = among(...floatDTypes);

/** `ss bench`: checks a result against the reference, then times it. */
export function benchCommand(work: Work): Command {
  const bench = new Command('bench').description(
    'time one thing, after comparing its result with the reference',
  );
  for (const make of [scan, conv, linear, prefill, decode]) bench.addCommand(make(work));
  return bench.addHelpText(
    'after',
    examples('ss bench scan', 'ss bench linear --rows 1 --weights bf16', 'ss bench decode --threads 1'),
  );
}

function scan(work: Work): Command {
  const command = timed('scan', 'the selective scan, on inputs as Mamba initialises a layer')
    .option('-B, --batch <n>', 'sequences', count, 1)
    .option('-L, --lengths <n,...>', 'steps; several are several rows', counts, [2048])
    .option('-D, --channels <n>', 'channels', count, 1536)
    .option('-N, --states <n>', 'states of a channel', count, 16)
    .option('--dtype <dtype>', 'of u, delta, B, C, z and y', float, 'f32');
  switchedOn(command, 'softplus', 'delta is the time step itself');
  switchedOn(command, 'bias', 'no bias of delta');
  switchedOn(command, 'D', 'no skip connection');
  switchedOn(command, 'final-state', 'do not ask for the final state');
  return command
    .option('--z', 'with a gate')
    .option('--backward', 'also the gradient of every input')
    .option(
      '--also <other>',
      'chunked-cumsum: the same as chunked cumulative sums in f32',
      among('chunked-cumsum'),
    )
    .addHelpText(
      'after',
      examples('ss bench scan --dtype bf16 --z', 'ss bench scan -L 1,65,512,2048 --also chunked-cumsum'),
    )
    .action(async (options: ScanSetting & TimingOptions & { readonly also?: string }) => {
      const { benchScan } = await import('../bench/scan.ts');
      const ops: OpName[] = options.backward ? ['selectiveScan', 'selectiveScanBackward'] : ['selectiveScan'];
      await using engine = await chooseEngine(options, work, { ops });
      await benchScan(
        engine,
        {
          ...options,
          z: options.z === true,
          backward: options.backward === true,
          chunkedCumsum: options.also !== undefined,
        },
        budget(options, work),
        work,
      );
    });
}

function conv(work: Work): Command {
  return timed('conv', 'the depthwise causal convolution, with bias and SiLU')
    .option('-B, --batch <n>', 'sequences', count, 1)
    .option('-L, --length <n>', 'steps', count, 2048)
    .option('-D, --channels <n>', 'channels', count, 1536)
    .option('-W, --width <n>', 'taps', count, 4)
    .option('--dtype <dtype>', 'of x and y', float, 'f32')
    .action(async (options: ConvSetting & TimingOptions) => {
      const { benchConv } = await import('../bench/conv.ts');
      await using engine = await chooseEngine(options, work, { ops: ['causalConv1d'] });
      await benchConv(engine, options, budget(options, work), work);
    });
}

function linear(work: Work): Command {
  return timed('linear', 'a matrix product with a packed weight')
    .option('-R, --rows <n>', 'rows of x: 1 is a decoding step', count, 512)
    .option('-K, --inputs <n>', 'columns of x', count, 768)
    .option('-M, --outputs <n>', 'columns of y', count, 3072)
    .option('--dtype <dtype>', 'of x and y', float, 'f32')
    .option('--weights <dtype>', 'how the weight is stored', among(...floatDTypes, 'i8'), 'f32')
    .action(async (options: LinearSetting & TimingOptions) => {
      const { benchLinear } = await import('../bench/linear.ts');
      await using engine = await chooseEngine(options, work, { ops: ['linear'] });
      await benchLinear(engine, options, budget(options, work), work);
    });
}

function prefill(work: Work): Command {
  return modelled(
    timed('prefill', 'the evaluation of a prompt, by default with random weights of the 130m shape'),
    512,
  ).action(async (options: ModelSetting & TimingOptions) => {
    const { benchPrefill } = await import('../bench/model.ts');
    await using engine = await chooseEngine(options, work);
    await benchPrefill(engine, options, budget(options, work), work);
  });
}

function decode(work: Work): Command {
  return modelled(
    common('decode', 'one token after another, by default with random weights of the 130m shape'),
    16,
  )
    .option('--steps <n>', 'tokens to time', count, 32)
    .action(async (options: ModelSetting & BackendOptions & { readonly steps: number }) => {
      const { benchDecode } = await import('../bench/model.ts');
      await using engine = await chooseEngine(options, work);
      await benchDecode(engine, options, work);
    });
}

function modelled(command: Command, tokens: number): Command {
  return command
    .option('--model <source>', 'a checkpoint to time instead')
    .option('--d-model <n>', 'width of a random model', count, 768)
    .option('--layers <n>', 'its layers', count, 24)
    .option('--vocabulary <n>', 'its tokens', count, 50_280)
    .option('--tokens <n>', 'length of the prompt', count, tokens)
    .addOption(weightsOption());
}

function common(name: string, description: string): Command {
  return backendOptions(new Command(name)).description(description);
}

function timed(name: string, description: string): Command {
  return common(name, description)
    .option('--seconds <n>', 'time at least so long', number, 1)
    .option('--rounds <n>', 'and at least so often', count, 5);
}

function budget(
  { seconds, rounds }: TimingOptions,
  work: Work,
): { seconds: number; rounds: number; signal: AbortSignal } {
  return { seconds, rounds, signal: work.signal };
}
