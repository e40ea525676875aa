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
  const all = product(parameters, allowed);
  const pairsOf = numberedPairs(parameters);
  const pairs = all.map(pairsOf);
  /** A row that has the pair, for every pair that no chosen row has yet. */
  const missing = new Map<number, number>();
  for (const [row, own] of pairs.entries())
    for (const pair of own) if (!missing.has(pair)) missing.set(pair, row);
  const rows: Combination<P>[] = [];
  let next = 1;
  while (missing.size > 0) {
    // The first candidate has a missing pair, so every turn makes progress.
    let best = missing.values().next().value!;
    let bestGain = 0;
    for (let i = 0; i < candidates; i++) {
      const row = i === 0 ? best : (next = (next * 48271) % 2147483647) % all.length;
      const gain = pairs[row]!.reduce((sum, pair) => sum + (missing.has(pair) ? 1 : 0), 0);
      if (gain > bestGain) [best, bestGain] = [row, gain];
    }
    for (const pair of pairs[best]!) missing.delete(pair);
    rows.push(all[best]!);
  }
  return rows;
}

/** Numbers every pair of two parameters' values, the same pair always with the same number. */
function numberedPairs<P extends Parameters>(parameters: P): (row: Combination<P>) => Int32Array {
  const entries = Object.entries(parameters);
  const indices = entries.map(([, values]) => new Map(values.map((value, index) => [value, index])));
  const most = Math.max(...entries.map(([, values]) => values.length));
  return (row) => {
    const at = entries.map(([name], p) => indices[p]!.get(row[name])!);
    const pairs = new Int32Array((entries.length * (entries.length - 1)) / 2);
    let to = 0;
    for (let p = 0; p < at.length; p++) {
      for (let q = p + 1; q < at.length; q++) {
        pairs[to++] = ((p * at.length + q) * most + at[p]!) * most + at[q]!;
      }
    }
    return pairs;
  };
}

/** The full tier takes every combination up to this many, and of more the pairs and an even choice. */
const most = 3600;

/** Pairs for the quick tier, everything within reason for the full one. */
export function combine<const P extends Parameters>(
  tier: 'quick' | 'full',
  parameters: P,
  allowed?: Allowed<P>,
): Combination<P>[] {
  if (tier === 'quick') return pairwise(parameters, allowed);
  const all = product(parameters, allowed);
  if (all.length <= most) return all;
  const chosen = Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]!);
  const seen = new Set(chosen.map(label));
  return [...chosen, ...pairwise(parameters, allowed).filter((row) => !seen.has(label(row)))];
}

/** `L=128,dtype=f32`, for ids of cases. */
export function label(combination: Readonly<Record<string, unknown>>): string {
  return Object.entries(combination)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('x') : String(value)}`)
    .join(',');
}
