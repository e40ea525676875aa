import { dtypes } from '@ss/core';
import type { DType } from '@ss/core';

/** How kernels write an operand: whole words that one invocation owns, or single elements. */
export type Stores = 'words' | 'elements';

/** What the text of an operand's accessors depends on. */
export interface AccessorShape {
  readonly name: string;
  readonly dtype: DType;
  /** Which binding its page has. */
  readonly slot: number;
  readonly axes: number;
  readonly stores: Stores | undefined;
  /** Whether words are read four at a time. */
  readonly quads: boolean;
}

/** Elements of a dtype in one 32-bit word; 0 for those that take two words. */
export function perWord(dtype: DType): number {
  const { bytes } = dtypes[dtype];
  return bytes > 4 ? 0 : 4 / bytes;
}

/** Dtypes that kernels compute with; others only move. */
const scalarType: Partial<Readonly<Record<DType, 'f32' | 'i32' | 'u32'>>> = {
  f32: 'f32',
  f16: 'f32',
  bf16: 'f32',
  i32: 'i32',
  i8: 'i32',
  u32: 'u32',
  u8: 'u32',
};

/** The WGSL type that an element of a dtype is loaded as. */
export function loadedAs(dtype: DType): 'f32' | 'i32' | 'u32' | undefined {
  return scalarType[dtype];
}

/** Elements that share a word with others' may be written by different invocations. */
export function needsAtomics({ dtype, stores }: Pick<AccessorShape, 'dtype' | 'stores'>): boolean {
  return stores === 'elements' && dtypes[dtype].bytes < 4;
}

/** What a kernel does with a page; `atomic` where invocations write parts of the same word. */
export type PageAccess = 'read' | 'read quads' | 'write' | 'atomic';

export function pageDeclaration(slot: number, access: PageAccess): string {
  const p = `p${slot}`;
  if (access === 'read') {
    return `
@group(0) @binding(${slot + 1}) var<storage, read> ${p}: array<u32>;
fn r${slot}(i: u32) -> u32 { return ${p}[i]; }`;
  }
  if (access === 'read quads') {
    return `
@group(0) @binding(${slot + 1}) var<storage, read> ${p}: array<vec4<u32>>;
fn r${slot}(i: u32) -> u32 { return ${p}[i >> 2u][i & 3u]; }
fn q${slot}(i: u32) -> vec4<u32> { return ${p}[i >> 2u]; }`;
  }
  if (access === 'write') {
    return `
@group(0) @binding(${slot + 1}) var<storage, read_write> ${p}: array<u32>;
fn r${slot}(i: u32) -> u32 { return ${p}[i]; }
fn w${slot}(i: u32, word: u32) { ${p}[i] = word; }`;
  }
  return `
@group(0) @binding(${slot + 1}) var<storage, read_write> ${p}: array<atomic<u32>>;
fn r${slot}(i: u32) -> u32 { return atomicLoad(&${p}[i]); }
fn w${slot}(i: u32, word: u32) { atomicStore(&${p}[i], word); }
// Other parts of the word belong to other invocations: and, then or, touch only this one's bits.
fn part${slot}(i: u32, shift: u32, mask: u32, bits: u32) {
  atomicAnd(&${p}[i], ~(mask << shift));
  atomicOr(&${p}[i], bits << shift);
}`;
}

/** The value of an element, given its bits in the low end of a word (those above them may be anything). */
function valueOf(dtype: DType, bits: string): string {
  switch (dtype) {
    case 'f32':
      return `bitcast<f32>(${bits})`;
    case 'f16':
      return `f16_value(${bits})`;
    case 'bf16':
      return `bitcast<f32>(${bits} << 16u)`;
    case 'i32':
      return `bitcast<i32>(${bits})`;
    case 'i8':
      return `extractBits(bitcast<i32>(${bits}), 0u, 8u)`;
    case 'u8':
      return `(${bits} & 0xffu)`;
    default:
      return bits;
  }
}

/** The storage bits of a value, in the low end of a word that is 0 above them. */
export function bitsOf(dtype: DType, value: string): string {
  switch (dtype) {
    case 'f16':
      return `f16_bits(${value})`;
    case 'bf16':
      return `bf16_bits(${value})`;
    case 'i8':
      return `(bitcast<u32>(${value}) & 0xffu)`;
    case 'u32':
    case 'u8':
      return `(${value})`;
    default:
      return `bitcast<u32>(${value})`;
  }
}

/**
 * Functions of one operand: `x_at(i0, ...)` is where an element lies, `x_load(at)` its value, `x(i0, ...)` both,
 * `x_store(at, value)` rounds to the dtype; `x_bits` and `x_set` are an element as it is stored, `x_word` and `x_put`
 * whole words counted from the first, `r_x` a word of the page, `q_x` four of them from a multiple of 4 on. Of dtypes that take two words there are no values.
 */
export function accessors({ name, dtype, slot, axes, stores, quads }: AccessorShape): string {
  const indices = Array.from({ length: axes }, (_, axis) => `i${axis}`);
  const parameters = indices.map((i) => `${i}: u32`).join(', ');
  const terms = indices.map((i, axis) => ` + ${i} * P.${name}_s${axis}`).join('');
  const { bytes } = dtypes[dtype];
  const firstWord = bytes >= 4 ? `P.${name}_o * ${bytes / 4}u` : `P.${name}_o / ${4 / bytes}u`;
  const lines = [
    `fn ${name}_at(${parameters}) -> u32 { return P.${name}_o${terms}; }`,
    `fn ${name}_word(i: u32) -> u32 { return r${slot}(${firstWord} + i); }`,
    `fn r_${name}(word: u32) -> u32 { return r${slot}(word); }`,
  ];
  if (quads) lines.push(`fn q_${name}(word: u32) -> vec4<u32> { return q${slot}(word); }`);
  if (stores) lines.push(`fn ${name}_put(i: u32, word: u32) { w${slot}(${firstWord} + i, word); }`);
  const type = scalarType[dtype];
  if (type === undefined) return lines.join('\n');
  const [word, shift] = { 4: ['i', ''], 2: ['i >> 1u', '(i & 1u) << 4u'], 1: ['i >> 2u', '(i & 3u) << 3u'] }[
    bytes as 4 | 2 | 1
  ];
  const shifted = shift === '' ? `r${slot}(${word})` : `(r${slot}(${word}) >> (${shift}))`;
  lines.push(
    `fn ${name}_load(i: u32) -> ${type} { return ${valueOf(dtype, shifted)}; }`,
    `fn ${name}(${parameters}) -> ${type} { return ${name}_load(${name}_at(${indices.join(', ')})); }`,
    `fn ${name}_bits(i: u32) -> u32 { return ${shifted} & ${maskOf(bytes)}; }`,
  );
  if (stores === 'elements') {
    const set = bytes === 4 ? `w${slot}(i, bits)` : `part${slot}(${word}, ${shift}, ${maskOf(bytes)}, bits)`;
    lines.push(
      `fn ${name}_set(i: u32, bits: u32) { ${set}; }`,
      `fn ${name}_store(i: u32, value: ${type}) { ${name}_set(i, ${bitsOf(dtype, 'value')}); }`,
    );
  }
  return lines.join('\n');
}

function maskOf(bytes: number): string {
  return `0x${(2 ** (8 * bytes) - 1).toString(16)}u`;
}
