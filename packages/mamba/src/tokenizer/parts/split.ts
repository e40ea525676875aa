import { invalid } from './part.ts';

/** A stretch of text. */
export interface Piece {
  readonly text: string;
  /** It begins where the whole text begins. */
  readonly first: boolean;
}

/** What becomes of what a pattern matches. */
export type Behavior = 'Removed' | 'Isolated' | 'Contiguous' | 'MergedWithPrevious' | 'MergedWithNext';
const behaviors: readonly string[] = [
  'Removed',
  'Isolated',
  'Contiguous',
  'MergedWithPrevious',
  'MergedWithNext',
] satisfies Behavior[];

export function behaviorOf(value: unknown): Behavior {
  if (behaviors.includes(value as string)) return value as Behavior;
  throw invalid(`a pattern's behavior is ${JSON.stringify(value)}, none of ${behaviors.join(', ')}`);
}

interface Stretch {
  start: number;
  end: number;
  readonly match: boolean;
}

/** Cuts a text at what a pattern (with the flag g) matches; `invert` swaps what matches and what does not. */
export function split(piece: Piece, pattern: RegExp, behavior: Behavior, invert = false): Piece[] {
  const stretches = stretchesOf(piece.text, pattern).map(({ match, ...at }) => ({
    ...at,
    match: match !== invert,
  }));
  return merge(stretches, behavior)
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => ({ text: piece.text.slice(start, end), first: piece.first && start === 0 }));
}

/** All of a text, matches and what lies between them. */
export function stretchesOf(text: string, pattern: RegExp): Stretch[] {
  if (text === '') return [];
  const all: Stretch[] = [];
  let end = 0;
  for (const { index, 0: found } of text.matchAll(pattern)) {
    // Nothing, right after something.
    if (found === '' && index === end && all.at(-1)?.match) continue;
    // Looking around, the engine also stops between the two halves of a character.
    if (found === '' && isHalf(text, index)) continue;
    if (end < index) all.push({ start: end, end: index, match: false });
    end = index + found.length;
    all.push({ start: index, end, match: true });
  }
  if (end < text.length) all.push({ start: end, end: text.length, match: false });
  return all;
}

/** The second half of a surrogate pair stands here. */
function isHalf(text: string, at: number): boolean {
  return at > 0 && (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

function merge(stretches: readonly Stretch[], behavior: Behavior): Stretch[] {
  switch (behavior) {
    case 'Isolated':
      return [...stretches];
    case 'Removed':
      return stretches.filter(({ match }) => !match);
    case 'Contiguous':
      return joined(stretches, (one, before) => one.match === (before?.match ?? false));
    case 'MergedWithPrevious':
      return joined(stretches, (one, before) => one.match && !before?.match);
    case 'MergedWithNext':
      return joined(stretches.toReversed(), (one, after) => one.match && !after?.match).toReversed();
  }
}

/** Joins a stretch with the result before it in the list where `joins` says so of it and the stretch before it. */
function joined(
  stretches: readonly Stretch[],
  joins: (one: Stretch, before: Stretch | undefined) => boolean,
): Stretch[] {
  const all: Stretch[] = [];
  for (const [i, one] of stretches.entries()) {
    const last = all.at(-1);
    if (last && joins(one, stretches[i - 1])) {
      last.start = Math.min(last.start, one.start);
      last.end = Math.max(last.end, one.end);
    } else {
      all.push({ ...one });
    }
  }
  return all;
}
