import { randomParameters } from '@ss/mamba';
import type { RandomModelConfig, RandomParameter } from '@ss/mamba';
import { mambaConfig } from '@ss/mamba-block';
import { blockLength } from './encode.ts';
import type { GgmlType } from './encode.ts';
import { asciiTokens } from './text.ts';
import { writeGguf } from './write.ts';
import type { GgufTensor, MetadataValue } from './write.ts';

/** llama.cpp's names of a block's parameters (`LLM_ARCH_MAMBA`), after `blk.<layer>.` */
const layerNames: Readonly<Record<string, string>> = {
  norm: 'attn_norm.weight',
  inProj: 'ssm_in.weight',
  conv: 'ssm_conv1d.weight',
  convBias: 'ssm_conv1d.bias',
  xProj: 'ssm_x.weight',
  dtProj: 'ssm_dt.weight',
  dtBias: 'ssm_dt.bias',
  A: 'ssm_a',
  D: 'ssm_d',
  outProj: 'ssm_out.weight',
};
const outerNames: Readonly<Record<string, string>> = {
  embedding: 'token_embd.weight',
  norm: 'output_norm.weight',
  head: 'output.weight',
};

/** `llama_ftype` of a file whose projections are stored so. */
const fileTypes: Readonly<Record<GgmlType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 };

/**
 * Writes the weights of `randomModel(config, { seed })` as llama.cpp reads them. Projections and the embedding
 * are stored as `type`, everything else in f32, as its own converter does it.
 * @returns bytes of all weights
 */
export function writeMambaGguf(
  path: string,
  config: RandomModelConfig,
  seed: number,
  type: GgmlType,
): number {
  const { layers, vocabulary, ...given } = config;
  const { dModel, dInner, dState, dConv, dtRank, normEps } = mambaConfig(given);
  const metadata: Record<string, MetadataValue> = {
    'general.architecture': 'mamba',
    'general.name': 'random',
    'general.file_type': { u32: fileTypes[type] },
    'mamba.context_length': { u32: 2 ** 20 },
    'mamba.embedding_length': { u32: dModel },
    'mamba.feed_forward_length': { u32: 0 },
    'mamba.block_count': { u32: layers },
    'mamba.attention.head_count': { u32: 0 },
    'mamba.attention.layer_norm_rms_epsilon': { f32: normEps },
    'mamba.ssm.conv_kernel': { u32: dConv },
    'mamba.ssm.inner_size': { u32: dInner },
    'mamba.ssm.state_size': { u32: dState },
    'mamba.ssm.time_step_rank': { u32: dtRank },
    ...vocabularyOf(vocabulary),
  };
  return writeGguf(
    path,
    metadata,
    randomParameters(config, seed).map((parameter) => tensorOf(parameter, type)),
  );
}

function tensorOf({ layer, spec, values }: RandomParameter, projections: GgmlType): GgufTensor {
  const name = layer === undefined ? outerNames[spec.key] : layerNames[spec.key];
  if (name === undefined) throw new RangeError(`llama.cpp's Mamba has no ${spec.name}.`);
  // A row that is no whole number of blocks stays as it is.
  const fits = projections !== 'q8_0' || spec.shape.at(-1)! % blockLength === 0;
  return {
    name: layer === undefined ? name : `blk.${layer}.${name}`,
    shape: spec.kept === 'convolution' ? [spec.shape[0]!, spec.shape[2]!] : spec.shape,
    type: spec.kept === 'projection' && fits ? projections : 'f32',
    values: spec.kept === 'decay' ? () => values().map((x) => -Math.exp(x)) : values,
  };
}

/**
 * A byte-level vocabulary: llama.cpp loads no model without one. Only ASCII is in it, because wllama fails on an
 * answer that is not UTF-8; it is filled up with tokens that mean nothing.
 */
function vocabularyOf(size: number): Record<string, MetadataValue> {
  const tokens = Array.from({ length: size }, (_, id) => asciiTokens[id] ?? `<t${id}>`);
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'olmo',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': { i32s: tokens.map(() => 1) },
    'tokenizer.ggml.merges': ['! "'],
    'tokenizer.ggml.bos_token_id': { u32: 0 },
    'tokenizer.ggml.eos_token_id': { u32: 0 },
  };
}
