import type { Page } from '../memory/pages.ts';
import type { Dispatch, Kernel, KernelContext } from './kernel.ts';
import { math } from './math.ts';
import { elementOffset } from './operand.ts';
import type { Operand } from './operand.ts';
import { accessors, needsAtomics, pageDeclaration } from './storage.ts';
import type { AccessorShape, PageAccess } from './storage.ts';

/** A page as a kernel sees it. */
export interface Binding {
  readonly page: Page;
  /** Devices read faster what nobody writes. */
  readonly written: boolean;
}

/** A dispatch in terms of WebGPU: everything but the pipeline object. */
export interface Lowered {
  /** Two with the same key have the same text. */
  readonly key: string;
  readonly name: string;
  code(): string;
  /** What is bound, in order. */
  readonly bindings: readonly Binding[];
  /** The contents of the uniform. */
  readonly words: Uint32Array<ArrayBuffer>;
  readonly groups: number;
}

/** Operands whose pages are the same share a binding; which do is part of the text. */
export function lower({ kernel, spec, operands, params, groups }: Dispatch): Lowered {
  const given = Object.entries(operands).filter(
    (entry): entry is [string, Operand] => entry[1] !== undefined,
  );
  const pages: Page[] = [];
  const quads = (kernel as Kernel).quads?.(spec) ?? [];
  const shapes = given.map(([name, { dtype, memory, strides }]): AccessorShape => {
    let slot = pages.indexOf(memory.page);
    if (slot < 0) slot = pages.push(memory.page) - 1;
    const stores = kernel.stores[name];
    return { name, dtype, slot, axes: strides.length, stores, quads: quads.includes(name) };
  });
  const { floats = [] } = kernel;
  const words = new Uint32Array(1 + kernel.params.length + floats.length + count(given));
  const reals = new Float32Array(words.buffer);
  words[0] = groups;
  let at = 1;
  // Negative numbers wrap, and so do sums with them.
  for (const name of kernel.params) words[at++] = params[name]!;
  for (const name of floats) reals[at++] = params[name]!;
  for (const [, operand] of given) {
    words[at++] = elementOffset(operand);
    for (const stride of operand.strides) words[at++] = stride;
  }
  const bindings = pages.map((page, slot) => ({
    page,
    written: shapes.some((s) => s.slot === slot && s.stores),
  }));
  const signature = shapes.map(({ name, dtype, slot, axes }) => `${name}:${dtype}@${slot}/${axes}`);
  return {
    key: `${kernel.name}|${JSON.stringify(spec)}|${signature.join(' ')}`,
    name: kernel.name,
    code: () => assemble(kernel, spec, shapes, bindings),
    bindings,
    words,
    groups,
  };
}

/** The whole text of a shader module. */
function assemble(
  kernel: Dispatch['kernel'],
  spec: Dispatch['spec'],
  shapes: readonly AccessorShape[],
  bindings: readonly Binding[],
): string {
  const context: KernelContext = {
    spec,
    has: (name) => shapes.some((shape) => shape.name === name),
    dtype: (name) => shapes.find((shape) => shape.name === name)!.dtype,
  };
  const fields = [
    'groups: u32',
    ...kernel.params.map((name) => `${name}: u32`),
    ...(kernel.floats ?? []).map((name) => `${name}: f32`),
    ...shapes.flatMap(({ name, axes }) => [
      `${name}_o: u32`,
      ...Array.from({ length: axes }, (_, axis) => `${name}_s${axis}: u32`),
    ]),
  ];
  const access = ({ written }: Binding, slot: number): PageAccess => {
    if (!written) return shapes.some((shape) => shape.slot === slot && shape.quads) ? 'read quads' : 'read';
    return shapes.some((shape) => shape.slot === slot && needsAtomics(shape)) ? 'atomic' : 'write';
  };
  return [
    `const LANES = ${kernel.lanes}u;`,
    `struct Parameters { ${fields.join(', ')} }`,
    '@group(0) @binding(0) var<uniform> P: Parameters;',
    ...bindings.map((binding, slot) => pageDeclaration(slot, access(binding, slot))),
    math,
    ...shapes.map(accessors),
    (kernel as { code(context: KernelContext): string }).code(context),
    `
@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) at: vec3<u32>,
  @builtin(num_workgroups) extent: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = at.x + at.y * extent.x;
  if (group < P.groups) { run(group, lane); }
}`,
  ].join('\n');
}

function count(given: readonly (readonly [string, Operand])[]): number {
  return given.reduce((total, [, { strides }]) => total + 1 + strides.length, 0);
}
