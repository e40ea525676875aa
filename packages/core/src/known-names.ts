/** Names that there are, each with what other programs call the same, or with nothing to say. */
export type KnownNames = Readonly<Record<string, true | string>>;

/** The name that was probably meant by one that is not known: another spelling, another program's, a slip. */
export function nearestName(name: string, known: KnownNames): string | undefined {
  const plain = plainly(name);
  const names = Object.entries(known).map(([ours, theirs]) => ({
    ours,
    same: plainly(ours) === plain,
    theirs: theirs !== true && theirs.split(' ').some((each) => plainly(each) === plain),
    distance: editDistance(plain, plainly(ours)),
  }));
  const best = names.toSorted((a, b) => a.distance - b.distance)[0];
  const near = best && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best : undefined;
  return (names.find(({ same }) => same) ?? names.find(({ theirs }) => theirs) ?? near)?.ours;
}

function plainly(name: string): string {
  return name.replaceAll(/[-_]/g, '').toLowerCase();
}

/** Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a` (Damerau 1964, restricted). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, changed);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
