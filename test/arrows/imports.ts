import { parseSync } from 'vite';

/** The module specifiers that a TypeScript source imports, re-exports or loads by a literal `import()`. */
export function importsOf(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source);
  if (errors.length > 0) throw new SyntaxError(`${file}: ${errors[0]?.message}`);
  const imported = module.staticImports.map((statement) => statement.moduleRequest.value);
  const reexported = module.staticExports
    .flatMap((statement) => statement.entries)
    .flatMap((entry) => (entry.moduleRequest ? [entry.moduleRequest.value] : []));
  const loaded = module.dynamicImports
    .map(({ moduleRequest: { start, end } }) => /^(['"`])([^$]*)\1$/s.exec(source.slice(start, end))?.[2])
    .filter((specifier) => specifier !== undefined);
  return [...new Set([...imported, ...reexported, ...loaded])];
}
