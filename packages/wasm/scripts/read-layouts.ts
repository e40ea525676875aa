/**
 * The argument classes of `assembly/args.ts` as TypeScript: one object per class, field name to type, in the
 * order of the words.
 */
export function readLayouts(source: string): string {
  const withoutComments = source.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const classes = [...withoutComments.matchAll(/export class (\w+) \{([^}]*)\}/g)];
  if (classes.length === 0) throw new Error('assembly/args.ts has no argument class.');
  return classes.map(([, name, body]) => layout(name!, body!)).join('\n');
}

function layout(name: string, body: string): string {
  const fields = body
    .split(';')
    .map((field) => field.trim())
    .filter((field) => field !== '')
    .map((field) => {
      const [, key, type] = /^(\w+): (u32|i32|f32|usize|isize)$/.exec(field) ?? [];
      if (key === undefined) throw new Error(`${name}: "${field}" is not a field of one word.`);
      return `  ${key}: '${type === 'f32' ? 'f32' : 'i32'}',`;
    });
  return `export const ${name[0]!.toLowerCase()}${name.slice(1)} = {\n${fields.join('\n')}\n} as const;\n`;
}
