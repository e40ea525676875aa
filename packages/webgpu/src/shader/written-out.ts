/** Text for 0, 1, ... count - 1, in a row. Compilers keep a loop; what is written out stays in registers and runs side by side. */
export function writtenOut(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join('\n');
}
