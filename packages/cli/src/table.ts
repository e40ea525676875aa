/** Rows as aligned columns, the first row being the head; numbers are right-aligned. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const cells = rows.map((row) => Array.from({ length: columns }, (_, column) => String(row[column] ?? '')));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]!.length)),
  );
  const numeric = /^([\d.,]+( [\w/%-]+)?)?$/;
  const right = widths.map((_, column) => cells.slice(1).every((row) => numeric.test(row[column]!)));
  const pad = (cell: string, column: number): string =>
    right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return cells.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
