import { floatDTypes } from '@ss/core';
import type { OpName } from '@ss/core';
import { Command, Option } from 'commander';
import type { ModelAgainst } from '../bench/against/compare-models.ts';
import { peerWeights } from '../bench/against/peer.ts';
import type { PeerName } from '../bench/against/peer.ts';
import type { ConvSetting } from '../bench/conv.ts';
import type { LinearSetting } from '../bench/linear.ts';
import type { DecodeSetting, ModelSetting } from '../bench/model.ts';
import type { ScanSetting } from '../bench/scan.ts';
import { chooseEngine } from '../choose-engine.ts';
import {
  among,
  amongSeveral,
  backendOptions,
  count,
  counts,
  examples,
  positive,
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
/** Rounds of a comparison of whole generations. */
const generationRounds = 5;

/** `ss bench`: checks a result against the reference, then times it. */
export function benchCommand(work: Work): Command {
  const bench = new Command('bench').description(
    'time one thing, after comparing its result with the reference',
  );
  for (const make of [scan, conv, linear, prefill, decode]) bench.addCommand(make(work));
  return bench.addHelpText(
    'after',
    examples(
      'ss bench scan',
      'ss bench linear --rows 1 --weights bf16',
      'ss bench decode --threads 1 --against llama.cpp',
    ),
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
    .option('--grad', 'also the gradient of every input, alone and after the forward as autograd runs it')
    .addOption(againstOption('torch'))
    .option(
      '--also <other>',
      'chunked-cumsum: the same as chunked cumulative sums in f32',
      among('chunked-cumsum'),
    )
    .addHelpText(
      'after',
      examples('ss bench scan --dtype bf16 --z', 'ss bench scan -L 1,65,512,2048 --also chunked-cumsum'),
    )
    .action(async (options: ScanSetting & TimingOptions & Against & { readonly also?: string }) => {
      const ops: OpName[] = options.grad ? ['selectiveScan', 'selectiveScanBackward'] : ['selectiveScan'];
      await using engine = await chooseEngine(options, work, { ops });
      const setting = {
        ...options,
        z: options.z === true,
        grad: options.grad === true,
        chunkedCumsum: options.also !== undefined,
      };
      const { benchScan } = await import('../bench/scan.ts');
      const { benchScanAgainst } = await import('../bench/against/bench-scan.ts');
      await (options.against ? benchScanAgainst : benchScan)(engine, setting, budget(options, work), work);
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
  ).action(async (options: ModelSetting & TimingOptions & Partial<ModelAgainst>) => {
    const { against } = options;
    const { benchPrefill } = await import('../bench/model.ts');
    const { benchPrefillAgainst } = await import('../bench/against/bench-model.ts');
    await using engine = await chooseEngine(besidePeers(options), work);
    if (against) await benchPrefillAgainst(engine, { ...options, against }, budget(options, work), work);
    else await benchPrefill(engine, options, budget(options, work), work);
  });
}

function decode(work: Work): Command {
  return modelled(
    common('decode', 'one token after another, by default with random weights of the 130m shape'),
    16,
  )
    .option('--steps <n>', 'tokens to time', count, 32)
    .option('--batch <n>', 'also so many texts that advance together', count)
    .option('--rounds <n>', 'with --against or --batch: generate so often', count, generationRounds)
    .action(
      async (
        options: DecodeSetting & BackendOptions & Partial<ModelAgainst> & { readonly rounds: number },
      ) => {
        const { against, batch, rounds } = options;
        const often = { seconds: 0, rounds, signal: work.signal };
        await using engine = await chooseEngine(besidePeers(options), work);
        if (against) {
          const { benchDecodeAgainst } = await import('../bench/against/bench-model.ts');
          await benchDecodeAgainst(engine, { ...options, against }, often, work);
        } else if (batch === undefined) {
          const { benchDecode } = await import('../bench/model.ts');
          await benchDecode(engine, options, work);
        } else {
          const { benchBatch } = await import('../bench/batch.ts');
          await benchBatch(engine, { ...options, batch }, often, work);
        }
      },
    );
}

function modelled(command: Command, tokens: number): Command {
  return command
    .option('--model <source>', 'a checkpoint to time instead')
    .option('--d-model <n>', 'width of a random model', count, 768)
    .option('--layers <n>', 'its layers', count, 24)
    .option('--vocabulary <n>', 'its tokens', count, 50_280)
    .option('--tokens <n>', 'length of the prompt', count, tokens)
    .addOption(weightsOption())
    .addOption(againstOption('llama.cpp', 'wllama'))
    .addOption(
      new Option('--peer-weights <format>', 'how the peers store theirs (default: as ours)').choices(
        peerWeights,
      ),
    );
}

interface Against {
  readonly against?: readonly PeerName[];
}

/** wllama has @ss/wasm beside it in its page, so that is the backend unless another peer wants the best one. */
function besidePeers<T extends BackendOptions & Against>(options: T): T {
  const inPage = options.against?.every((name) => name === 'wllama');
  return inPage && options.backend === 'auto' ? { ...options, backend: 'wasm' } : options;
}

function againstOption<const T extends PeerName>(...names: readonly T[]): Option {
  return new Option(
    '--against <peer,...>',
    `run ${names.join(', ')} in turn, after the results agreed (in a clone of the repository)`,
  ).argParser(amongSeveral(...names));
}

function common(name: string, description: string): Command {
  return backendOptions(new Command(name)).description(description);
}

function timed(name: string, description: string): Command {
  return common(name, description)
    .option('--seconds <n>', 'time at least so long', positive, 1)
    .option('--rounds <n>', 'and at least so often', count, 5);
}

function budget(
  { seconds, rounds }: TimingOptions,
  work: Work,
): { seconds: number; rounds: number; signal: AbortSignal } {
  return { seconds, rounds, signal: work.signal };
}
