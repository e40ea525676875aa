/** Rows of cells as a table in Markdown; the first row is its head. */
export function markdown([head = [], ...rows]: readonly (readonly unknown[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Three digits. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
