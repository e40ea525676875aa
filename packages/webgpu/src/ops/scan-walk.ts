import { writtenOut } from '../shader/written-out.ts';
import { eachQuad, quads, scanLanes, varying } from './scan-parts.ts';
import type { ScanSpec } from './scan-parts.ts';

/** Steps of B and C in workgroup memory, at most, and the quads that they may take each. */
const mostSteps = 16;
const tileQuads = 256;

/** A walk through the steps of a chunk, with a channel for each invocation. */
export interface Walk {
  readonly spec: ScanSpec;
  /** Which of B and C a step needs. */
  readonly matrices: readonly ('B' | 'C')[];
  /** What a step needs of its channel: names, and expressions of `q`, `t` and `d`. */
  readonly own: Readonly<Record<string, string>>;
  /** From the last step to the first. */
  readonly backwards: boolean;
  /** Statements of the step at time `t`, given how four states of B or C are written. */
  step(matrix: (name: 'B' | 'C', v: string) => string): string;
}

/**
 * Declarations, and statements after `scanPlace`. B and C of some steps lie in workgroup memory, for all channels; all
 * that comes next is asked for before the step at hand is computed.
 */
export function walk({ spec, matrices, own, backwards, step }: Walk): {
  readonly declarations: string;
  readonly statements: string;
} {
  const { N } = spec;
  const tiled = varying(spec, matrices);
  const constant = matrices.filter((name) => !tiled.includes(name));
  const steps = Math.min(mostSteps, Math.max(1, Math.floor(tileQuads / quads(N))));
  const tile = steps * quads(N);
  const loads = Math.ceil(tile / scanLanes);
  const names = Object.keys(own);
  const next = (i: string): string =>
    `{ let t = time_within(q, step_at(chunk, ${i})); ${names.map((name) => `${name}_next = ${own[name]};`).join(' ')} }`;
  const nextTile = (first: string): string =>
    writtenOut(
      loads,
      (j) => `{
      let i = ${j * scanLanes}u + lane;
      let t = time_within(q, step_at(chunk, ${first} + i / NV));
      ${tiled.map((name) => `${name}_next[${j}] = ${name}4(q, t, g, d, i % NV);`).join(' ')}
    }`,
    );
  const putTile = `
    workgroupBarrier();
    ${writtenOut(
      loads,
      (j) => `{
      let i = ${j * scanLanes}u + lane;
      if (i < ${tile}u) { ${tiled.map((name) => `${name}_tile[i] = ${name}_next[${j}];`).join(' ')} }
    }`,
    )}
    workgroupBarrier();`;
  const ofTile = (text: string): string => (tiled.length === 0 ? '' : text);
  return {
    declarations: `
fn step_at(chunk: Chunk, i: u32) -> u32 { return chunk.start + ${backwards ? '(chunk.count - 1u - i)' : 'i'}; }
${tiled.map((name) => `var<workgroup> ${name}_tile: array<vec4<f32>, ${tile}>;`).join('\n')}`,
    statements: `
  ${constant.map((name) => `var ${name}_own: array<vec4<f32>, NV>;`).join(' ')}
  ${eachQuad(N, (v) => constant.map((name) => `${name}_own[${v}] = ${name}4(q, 0u, g, d, ${v});`).join(' '))}
  ${names.map((name) => `var ${name}_next = 0.0;`).join(' ')}
  ${tiled.map((name) => `var ${name}_next: array<vec4<f32>, ${loads}>;`).join(' ')}
  ${next('0u')}
  ${ofTile(nextTile('0u'))}
  for (var k0 = 0u; k0 < chunk.count; k0 += ${steps}u) {
    ${ofTile(putTile)}
    ${ofTile(nextTile(`k0 + ${steps}u`))}
    // Not a way out of the loop, as everybody comes to the barrier again.
    let own_steps = select(0u, min(${steps}u, chunk.count - k0), valid);
    for (var k = 0u; k < own_steps; k++) {
      let t = time_of(q, step_at(chunk, k0 + k));
      ${names.map((name) => `let ${name} = ${name}_next;`).join(' ')}
      ${next('k0 + k + 1u')}
      ${step((name, v) => (tiled.includes(name) ? `${name}_tile[k * NV + ${v}]` : `${name}_own[${v}]`))}
    }
  }`,
  };
}
