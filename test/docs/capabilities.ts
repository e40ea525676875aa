import { floatDTypes } from '@ss/core';
import type { BackendRegistry, FloatDType } from '@ss/core';
import { opNames } from '@ss/core/engine';

/** Ops by backends as a Markdown table: the dtypes in which each backend accepts a typical call. */
export async function capabilityTable(registry: BackendRegistry): Promise<string> {
  const backends = (await registry.explain({ load: true })).candidates.map(({ id }) => id);
  const rows: string[][] = [];
  for (const op of opNames) {
    const accepted = new Map<string, FloatDType[]>(backends.map((id) => [id, []]));
    for (const dtype of floatDTypes) {
      const { candidates } = await registry.explain({ op, dtype, load: true });
      for (const { id, plan } of candidates) if (plan !== undefined) accepted.get(id)!.push(dtype);
    }
    rows.push([`\`${op}\``, ...backends.map((id) => accepted.get(id)!.join(', ') || '–')]);
  }
  const head = ['op', ...backends];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
