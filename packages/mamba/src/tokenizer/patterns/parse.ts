/** One thing in a row of things that a pattern wants one after the other. */
export interface Item {
  /** As it is written, without its quantifier. */
  readonly atom: string;
  readonly min: number;
  readonly max: number;
  /** What is inside, where the atom is a group or looks around. */
  readonly group: readonly Alternative[] | undefined;
  /** It takes no characters: an anchor, or something that looks around. */
  readonly zeroWidth: boolean;
}

export type Alternative = readonly Item[];

const groupStart = /\((?:\?(?::|i:|=|!|<=|<!)|(?!\?))/y;
const looksAround = /^\(\?<?[=!]/;
const escape =
  /\\(?:[pP]\{[^}]*\}|x[\da-fA-F]{2}|x\{[\da-fA-F]+\}|u[\da-fA-F]{4}|[sSwWdDhHnrtfvaebBAzZ]|[^\da-zA-Z])/uy;
const quantifier = /(?:([*+?])|\{(\d*)(,?)(\d*)\})([+?]?)/y;
const anchors: readonly string[] = ['^', '$', '\\b', '\\B', '\\A', '\\z', '\\Z'];

/**
 * The structure of a pattern of Oniguruma, as far as alternatives, groups and quantifiers go.
 * @throws SyntaxError for what has no such structure: references, calls, conditions, options, atomic groups
 */
export function parsePattern(source: string): readonly Alternative[] {
  let at = 0;
  const alternatives = (): Alternative[] => {
    const all: Item[][] = [[]];
    while (at < source.length && source[at] !== ')') {
      if (source[at] === '|') {
        at++;
        all.push([]);
      } else {
        all.at(-1)!.push(item());
      }
    }
    return all;
  };
  const item = (): Item => {
    const start = at;
    let group: Alternative[] | undefined;
    if (source[at] === '(') {
      take(groupStart, 'a group of this kind');
      group = alternatives();
      if (source[at++] !== ')') throw new SyntaxError('a group does not end');
    } else if (source[at] === '[') {
      at = endOfClass(source, at);
    } else if (source[at] === '\\') {
      take(escape, 'this escape');
    } else {
      at += String.fromCodePoint(source.codePointAt(at)!).length;
    }
    const atom = source.slice(start, at);
    const zeroWidth = anchors.includes(atom) || looksAround.test(atom);
    return { atom, group, zeroWidth, ...times() };
  };
  const times = (): { min: number; max: number } => {
    quantifier.lastIndex = at;
    const found = quantifier.exec(source);
    const [all, sign, low, comma, high] = found ?? [];
    // A brace without numbers is itself.
    if (all === undefined || (sign === undefined && low === '' && high === '')) return { min: 1, max: 1 };
    at += all.length;
    quantifier.lastIndex = at;
    if (quantifier.test(source)) throw new SyntaxError('a quantifier has a quantifier');
    if (sign !== undefined) return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    if (found![5] !== '') throw new SyntaxError('a number of times has a mark after it');
    const min = Number(low);
    return { min, max: comma === '' ? min : high === '' ? Infinity : Number(high) };
  };
  const take = (what: RegExp, name: string): void => {
    what.lastIndex = at;
    if (!what.test(source)) throw new SyntaxError(`${name} is not read: ${source.slice(at, at + 8)}`);
    at = what.lastIndex;
  };
  const all = alternatives();
  if (at < source.length) throw new SyntaxError('a group ends that has not begun');
  return all;
}

/** A match may take no characters. */
export function mayBeEmpty(alternatives: readonly Alternative[]): boolean {
  return alternatives.some((items) =>
    items.every(({ min, zeroWidth, group }) => min === 0 || zeroWidth || (group && mayBeEmpty(group))),
  );
}

/** Where the class of characters that begins here ends. */
function endOfClass(source: string, start: number): number {
  let at = start + 1;
  if (source[at] === '^') at++;
  // A bracket in the first place is itself.
  if (source[at] === ']') at++;
  while (at < source.length && source[at] !== ']') {
    if (source[at] === '[') {
      at = endOfClass(source, at);
    } else if (source[at] === '\\') {
      escape.lastIndex = at;
      if (!escape.test(source)) throw new SyntaxError(`this escape is not read: ${source.slice(at, at + 8)}`);
      at = escape.lastIndex;
    } else {
      at++;
    }
  }
  if (at >= source.length) throw new SyntaxError('a class of characters does not end');
  return at + 1;
}
