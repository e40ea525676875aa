import { isFloat } from '@ss/core';
import { blockParameters, mambaConfig } from '@ss/mamba-block';
import type { MambaConfig, ParameterSpec } from '@ss/mamba-block';
import { failure } from '../errors.ts';
import type { CheckpointTensor } from './checkpoint.ts';
import { normEpsilon, selectionNormEpsilon } from './config.ts';
import type { JsonObject } from './json.ts';

/** A tensor and what it is in the model; `layer` is undefined outside the layers. */
export interface Assignment {
  readonly tensor: CheckpointTensor;
  readonly spec: ParameterSpec;
  readonly layer: number | undefined;
}

export interface Inspection {
  readonly block: MambaConfig;
  readonly layers: number;
  readonly rows: number;
  /** Every tensor of the checkpoint, in its order. */
  readonly assignments: readonly Assignment[];
}

type Tensors = ReadonlyMap<string, CheckpointTensor>;

/**
 * Takes every size from the tensors and gives each tensor its place; the config is asked only for the
 * epsilons of the norms, and for whether dt, B and C have one. Nothing is read.
 * @throws SsError `checkpoint-invalid`, `checkpoint-shape`, `checkpoint-dtype`, `model-unsupported`, `config-invalid`
 */
export function inspect(tensors: Tensors, config: JsonObject): Inspection {
  const layers = countLayers(tensors);
  const [rows, dModel] = shapeOf(tensors, 'embedding.weight', 2);
  const [dInner, dState] = shapeOf(tensors, 'layers.0.mixer.A_log', 2);
  const [, , dConv] = shapeOf(tensors, 'layers.0.mixer.conv1d.weight', 3);
  const [, dtRank] = shapeOf(tensors, 'layers.0.mixer.dt_proj.weight', 2);
  const block = mambaConfig({
    dModel: dModel!,
    dInner: dInner!,
    dState: dState!,
    dConv: dConv!,
    dtRank: dtRank!,
    bias: tensors.has('layers.0.mixer.in_proj.bias'),
    convBias: tensors.has('layers.0.mixer.conv1d.bias'),
    normEps: normEpsilon(config),
    selectionNormEps: selectionNormEpsilon(config),
  });
  const expected = new Map(
    parts(block, layers, rows!, tensors.has('lm_head.weight')).map((part) => [part.name, part]),
  );
  for (const [name, { spec }] of expected) {
    if (!tensors.has(name)) {
      throw failure('checkpoint-invalid', `The checkpoint has no ${name} (${spec.shape.join(', ')}).`, {
        details: { tensor: name },
      });
    }
  }
  const assignments = [...tensors].map(([name, tensor]) => {
    const part = expected.get(name);
    if (part === undefined) {
      throw failure(
        'model-unsupported',
        `The checkpoint has ${tensor.name}, which is no part of a Mamba-1 model of ${layers} layers.`,
        { details: { tensor: tensor.name } },
      );
    }
    checkTensor(tensor, part.spec);
    return { tensor, spec: part.spec, layer: part.layer };
  });
  return { block, layers, rows: rows!, assignments };
}

interface Part {
  readonly name: string;
  readonly spec: ParameterSpec;
  readonly layer: number | undefined;
}

/** Every parameter of a model by its canonical name. */
function parts(block: MambaConfig, layers: number, rows: number, untied: boolean): Part[] {
  const perLayer = blockParameters(block);
  return [
    ...outerParameters(block, rows, untied).map((spec) => ({ name: spec.name, spec, layer: undefined })),
    ...Array.from({ length: layers }, (_, layer) =>
      perLayer.map((spec) => ({ name: `layers.${layer}.${spec.name}`, spec, layer })),
    ).flat(),
  ];
}

/** The parameters outside the layers. */
export function outerParameters(
  { dModel }: MambaConfig,
  rows: number,
  untied: boolean,
): ParameterSpec<'embedding' | 'norm' | 'head'>[] {
  return [
    { key: 'embedding', name: 'embedding.weight', shape: [rows, dModel], kept: 'projection' },
    { key: 'norm', name: 'norm_f.weight', shape: [dModel], kept: 'f32' },
    ...(untied
      ? [{ key: 'head', name: 'lm_head.weight', shape: [rows, dModel], kept: 'projection' } as const]
      : []),
  ];
}

function countLayers(tensors: Tensors): number {
  const indices = new Set<number>();
  for (const name of tensors.keys()) {
    const index = /^layers\.(\d+)\./.exec(name)?.[1];
    if (index !== undefined) indices.add(Number(index));
  }
  for (let layer = 0; layer < indices.size; layer++) {
    if (!indices.has(layer))
      throw failure(
        'checkpoint-invalid',
        `The checkpoint has ${indices.size} layers, but not layer ${layer}.`,
      );
  }
  return indices.size;
}

function shapeOf(tensors: Tensors, name: string, rank: number): readonly number[] {
  const tensor = tensors.get(name);
  if (tensor === undefined)
    throw failure('checkpoint-invalid', `The checkpoint has no ${name}.`, { details: { tensor: name } });
  const { shape } = tensor;
  if (shape.length !== rank || shape.includes(0)) {
    throw failure(
      'checkpoint-shape',
      `${tensor.name} has shape (${shape.join(', ')}) where ${rank} extents of at least 1 are wanted.`,
      { details: { tensor: tensor.name, shape } },
    );
  }
  return shape;
}

function checkTensor({ name, shape, dtype, stored }: CheckpointTensor, spec: ParameterSpec): void {
  if (shape.length !== spec.shape.length || shape.some((extent, axis) => extent !== spec.shape[axis])) {
    throw failure(
      'checkpoint-shape',
      `${name} has shape (${shape.join(', ')}) where (${spec.shape.join(', ')}) is wanted, from the shapes of the embedding and of layer 0.`,
      {
        details: { tensor: name, shape, wanted: spec.shape },
      },
    );
  }
  if (dtype === undefined || !isFloat(dtype)) {
    throw failure(
      'checkpoint-dtype',
      `${name} is stored as ${stored}; parameters are F32, F16, BF16 or F64.`,
      { details: { tensor: name, stored } },
    );
  }
}
