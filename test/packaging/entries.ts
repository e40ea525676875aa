/** The main module of a program in Node: leaves the answer in result.json. */
export function nodeEntry(program: string): string {
  return `import { writeFileSync } from 'node:fs';
import { run } from './${program}.ts';
writeFileSync('result.json', JSON.stringify(await run()));
`;
}

/** The main module of a program in a page: leaves the answer where the browser harness looks for it. */
export function pageEntry(program: string): string {
  return `import { run } from './${program}.ts';
globalThis.result = run();
`;
}

/** The page that loads `script`. */
export function page(script: string): string {
  return `<!doctype html>\n<script type="module" src="${script}"></script>\n`;
}
