import { dtypes, elementCount, tensor } from '@ss/core';
import { ops } from '@ss/core/engine';
import type { DType, Engine, OpName, Shape, Tensor, TensorSpec } from '@ss/core';
import type { Random } from './random.ts';

/** A call that may be right or wrong. */
export interface FuzzedCall {
  readonly op: OpName;
  readonly args: Record<string, unknown>;
}

const allDTypes = Object.keys(dtypes) as DType[];
/** Values that options are never meant to have. */
const strangeValues: readonly unknown[] = [
  NaN,
  Infinity,
  -1,
  0,
  1.5,
  2 ** 53,
  '',
  'silu',
  'f64',
  null,
  {},
  [],
  true,
  false,
  'x'.repeat(100),
];

/** Starts from a right call of `op` and makes none to three things wrong. `owned` collects what has to be disposed. */
export function fuzzCall(engine: Engine, random: Random, op: OpName, owned: Tensor[]): FuzzedCall {
  const definition = ops[op];
  const own = <T extends Tensor>(value: T): T => {
    owned.push(value);
    return value;
  };
  const main =
    op === 'selectiveScan' || op === 'selectiveScanBackward' || op.startsWith('causalConv1d') ? 3 : 2;
  const rank =
    op.endsWith('Update') || op.startsWith('crossEntropy') || op === 'argmax' || op === 'sample' ? 2 : main;
  const shape = Array.from({ length: rank }, () => random.int(1, random.chance(0.1) ? 40 : 6));
  const example = definition.example(random.pick(['f32', 'f32', 'f16', 'bf16', 'f64'] as const), shape);
  const specs: Record<string, TensorSpec> = { ...example.inputs };
  addOptional(specs, definition.optional, shape, random);
  const options: Record<string, unknown> = { ...example.options };
  for (let i = random.int(0, 3); i > 0; i--) breakSomething(specs, options, definition, random);

  const args: Record<string, unknown> = { ...options };
  for (const [name, spec] of Object.entries(specs)) {
    const inPlace = (name === 'state' || name === 'to') && random.chance(0.9);
    args[name] = inPlace ? own(engine.state(spec.shape, spec.dtype)) : own(view(spec, random, own));
  }
  if (random.chance(0.02)) args[random.pick(Object.keys(specs))] = random.pick(strangeValues);
  if (random.chance(0.02)) args[random.pick(['x2', 'delta_bias', '__proto__', 'constructor'])] = 1;
  if (random.chance(0.02)) (random.pick(owned) as Tensor | undefined)?.dispose();
  return { op, args };
}

function addOptional(
  specs: Record<string, TensorSpec>,
  optional: readonly string[],
  shape: Shape,
  random: Random,
): void {
  const like = Object.values(specs)[0]!;
  for (const name of optional) {
    if (!random.chance(0.25)) continue;
    const guess: Record<string, Shape> = {
      D: [shape.at(-1)!],
      deltaBias: [shape.at(-1)!],
      dtBias: [shape.at(-1)!],
      bias: [shape.at(-1)!],
      weight: [shape.at(-1)!],
      initialState: [shape[0]!, shape.at(-1)!, 16],
      state: [shape[0]!, shape.at(-1)!, 16],
      cuSeqlens: [3],
      stateIndices: [shape[0]!],
      recentIds: [shape[0]!, 3],
    };
    const isIndex = name === 'cuSeqlens' || name === 'stateIndices' || name === 'recentIds';
    specs[name] = {
      ...like,
      dtype: isIndex ? 'i32' : name.toLowerCase().includes('state') ? 'f32' : like.dtype,
      shape: guess[name] ?? like.shape,
    };
  }
}

function breakSomething(
  specs: Record<string, TensorSpec>,
  options: Record<string, unknown>,
  definition: (typeof ops)[OpName],
  random: Random,
): void {
  const name = random.pick(Object.keys(specs));
  const spec = specs[name];
  if (spec === undefined) return;
  const { shape } = spec;
  const axis = random.int(0, Math.max(0, shape.length - 1));
  const set = (changed: Partial<TensorSpec>): void => void (specs[name] = { ...spec, ...changed });
  const optionNames = Object.keys(definition.options);
  const mutations = [
    () => set({ dtype: random.pick(allDTypes) }),
    () => set({ shape: shape.with(axis, random.int(0, 9)) }),
    () => set({ shape: [...shape, 1] }),
    () => set({ shape: shape.slice(1) }),
    () => void delete specs[name],
    () => void (optionNames.length > 0 && (options[random.pick(optionNames)] = random.pick(strangeValues))),
  ];
  if (shape.length === 0) return;
  random.pick(mutations)();
}

/** A host tensor of this shape: dense, or as any kind of view; small numbers, sometimes strange ones. */
function view(spec: TensorSpec, random: Random, own: (t: Tensor) => Tensor): Tensor {
  const { dtype, shape } = spec;
  const order = shape.map((_, axis) => axis).sort(() => random.next() - 0.5);
  const physical = random.chance(0.3) ? order : shape.map((_, axis) => axis);
  const dense = own(
    filled(
      physical.map((axis) => shape[axis]!),
      dtype,
      random,
    ),
  );
  let result = dense;
  if (shape.length > 0 && physical !== order) result = dense.alias();
  else if (shape.length > 0) result = dense.permute(...shape.map((_, axis) => physical.indexOf(axis)));
  else result = dense.alias();
  if (shape.length > 0 && random.chance(0.1)) return own(result).reverse(random.int(0, shape.length - 1));
  return result;
}

function filled(shape: Shape, dtype: DType, random: Random): Tensor {
  const count = elementCount(shape) * (dtype === 'complex64' ? 2 : 1);
  const strange = random.chance(0.05);
  const integer = dtypes[dtype].kind === 'int';
  const value = (): number => {
    if (integer) return random.int(strange ? -5 : 0, strange ? 100 : 3);
    return strange && random.chance(0.2)
      ? random.pick([NaN, Infinity, -Infinity, 1e38, -1e38, 1e-45])
      : random.next() * 2 - 1;
  };
  const values = Array.from({ length: count }, value);
  return dtype === 'i64' ? tensor(values.map(BigInt), shape, dtype) : tensor(values, shape, dtype);
}
