/** A package, and what it may know of the others. */
export interface Room {
  /** The packages that its sources may import and its `dependencies` may name. */
  readonly sees: readonly string[];
  /** What its tests may use besides, through `devDependencies`. */
  readonly testsSee?: readonly string[];
  /** Packages of its native library, one for each platform, that its `optionalDependencies` name. */
  readonly platforms?: readonly string[];
  /** Runs in browsers and under bundlers without configuration: imports no module of Node. */
  readonly portable?: boolean;
}

/** Every package of the house and its arrows. `packages/` holds no package that is missing here. */
export const rooms: Readonly<Record<string, Room>> = {
  core: { sees: [], testsSee: ['conformance'], portable: true },
  conformance: { sees: ['core'] },
  dlpack: { sees: ['core'], portable: true },
  wasm: { sees: ['core'], testsSee: ['conformance'], portable: true },
  cpu: { sees: ['core'], testsSee: ['conformance'], platforms: ['cpu-linux-x64-gnu'] },
  cuda: { sees: ['core', 'dlpack'], testsSee: ['conformance'] },
  webgpu: { sees: ['core'], testsSee: ['conformance', 'mamba', 'wasm'], portable: true },
  'mamba-block': { sees: ['core'], testsSee: ['wasm'], portable: true },
  mamba: { sees: ['core', 'mamba-block'], testsSee: ['wasm'], portable: true },
  cli: { sees: ['core', 'conformance', 'dlpack', 'wasm', 'cpu', 'cuda', 'webgpu', 'mamba-block', 'mamba'] },
};

/** The table as a mermaid graph of the packages in `present`, for docs/architecture.md. */
export function diagram(present: readonly string[]): string {
  const arrows = present.flatMap((room) =>
    (rooms[room]?.sees ?? []).filter((seen) => present.includes(seen)).map((seen) => `  ${room} --> ${seen}`),
  );
  return ['```mermaid', 'graph TD', ...arrows, '```'].join('\n');
}
