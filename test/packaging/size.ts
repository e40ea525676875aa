import type { Metafile } from 'esbuild';

/** Bytes of `entry` and of everything it imports statically: what a page loads before it runs. */
export function eagerBytes(outputs: Metafile['outputs'], entry: string): number {
  const eager = new Set<string>();
  const visit = (path: string): void => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement') visit(next);
  };
  visit(entry);
  return [...eager].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
}
