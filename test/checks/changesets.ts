/** A pending release note: the packages it bumps and how. */
export interface Changeset {
  readonly file: string;
  readonly bumps: Readonly<Record<string, string>>;
}

/** Reads the front matter of a changeset, `"@ss/core": minor` a line. */
export function parseChangeset(file: string, text: string): Changeset {
  const [, frontMatter, note] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
  if (frontMatter === undefined || note?.trim() === '')
    throw new Error(`${file}: no front matter or no note`);
  const bumps = frontMatter.split('\n').map((line) => {
    const [, name, bump] = /^["']([^"']+)["']: (major|minor|patch)$/.exec(line) ?? [];
    if (name === undefined || bump === undefined) throw new Error(`${file}: not a bump: ${line}`);
    return [name, bump] as const;
  });
  return { file, bumps: Object.fromEntries(bumps) };
}

/** One sentence per changed package that no changeset names, and per name that is no package. */
export function changesetComplaints(
  changesets: readonly Changeset[],
  packages: readonly string[],
  changed: readonly string[],
): string[] {
  const named = changesets.flatMap(({ file, bumps }) => Object.keys(bumps).map((name) => ({ file, name })));
  return [
    ...named
      .filter(({ name }) => !packages.includes(name))
      .map(({ file, name }) => `${file} names ${name}, which is not a package`),
    ...changed
      .filter((name) => !named.some((each) => each.name === name))
      .map((name) => `${name} has changed since its last release: add a changeset (pnpm changeset)`),
  ];
}
