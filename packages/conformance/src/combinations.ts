export type Parameters = Readonly<Record<string, readonly unknown[]>>;
export type Combination<P extends Parameters> = { readonly [K in keyof P]: P[K][number] };
type Allowed<P extends Parameters> = (combination: Combination<P>) => boolean;

/** Every combination that is allowed. */
export function product<const P extends Parameters>(
  parameters: P,
  allowed: Allowed<P> = () => true,
): Combination<P>[] {
  let partial: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(parameters)) {
    partial = partial.flatMap((start) => values.map((value) => ({ ...start, [name]: value })));
  }
  return (partial as Combination<P>[]).filter(allowed);
}

/** How many random candidates compete for each row; more makes slightly fewer rows. */
const candidates = 24;

/**
 * Few combinations in which every allowed pair of two parameters' values occurs (Cohen et al. 1997: greedy,
 * one row at a time). Deterministic.
 */
export function pairwise<const P extends Parameters>(
  parameters: P,
  allowed: Allowed<P> = () => true,
): Combination<P>[] {
  const names = Object.keys(parameters);
  const pairsOf = (row: Combination<P>): string[] =>
    names.flatMap((a, i) => names.slice(i + 1).map((b) => `${a}=${String(row[a])} ${b}=${String(row[b])}`));
  const all = product(parameters, allowed);
  const missing = new Map<string, Combination<P>>();
  for (const row of all) for (const pair of pairsOf(row)) if (!missing.has(pair)) missing.set(pair, row);
  const rows: Combination<P>[] = [];
  let next = 1;
  while (missing.size > 0) {
    // The first has a pair that no row has yet, so every turn makes progress.
    let best = missing.values().next().value!;
    let bestGain = 0;
    for (let i = 0; i < candidates; i++) {
      const row = i === 0 ? best : all[(next = (next * 48271) % 2147483647) % all.length]!;
      const gain = pairsOf(row).filter((pair) => missing.has(pair)).length;
      if (gain > bestGain) [best, bestGain] = [row, gain];
    }
    for (const pair of pairsOf(best)) missing.delete(pair);
    rows.push(best);
  }
  return rows;
}

/** Pairs for the quick tier, everything for the full one. */
export function combine<const P extends Parameters>(
  tier: 'quick' | 'full',
  parameters: P,
  allowed?: Allowed<P>,
): Combination<P>[] {
  return (tier === 'quick' ? pairwise : product)(parameters, allowed);
}

/** `L=128,dtype=f32`, for ids of cases. */
export function label(combination: Readonly<Record<string, unknown>>): string {
  return Object.entries(combination)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('x') : String(value)}`)
    .join(',');
}
