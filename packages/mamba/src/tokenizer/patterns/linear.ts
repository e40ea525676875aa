import { parsePattern } from './parse.ts';
import type { Alternative, Item } from './parse.ts';

/** What may be spent in vain at one place of a text: ways to match, times the characters of each. */
const maxWork = 2048;

/** How a part of a pattern can spend time before it fails. */
interface Cost {
  /** In how many ways it can match, apart from how often its unbounded parts repeat. */
  readonly paths: number;
  /** Characters that those ways look at, each unbounded part for once. */
  readonly length: number;
  readonly unbounded: boolean;
  /** It matches wherever it is tried. */
  readonly sure: boolean;
}

/**
 * Refuses a pattern unless finding all its matches takes time proportional to the text, whatever the text.
 *
 * A matcher that goes back takes more only where something without bound is followed by something that fails. So
 * nothing may follow it that can: then an attempt that fails has cost no more than the `maxWork` of what is
 * bounded, and one that succeeds no more than what it has taken. Beyond that, three forms which nearly all
 * byte-level tokenizers have are known to be linear, see {@link known}.
 * @throws SyntaxError saying what may take longer
 */
export function requireLinear(source: string): void {
  const alternatives = parsePattern(source);
  const others = alternatives.filter((one, i) => !known(one, alternatives.slice(i + 1)));
  const work = others.map(costOf).reduce((sum, { paths, length }) => sum + paths * length, 0);
  if (!(work <= maxWork)) throw new SyntaxError('it has too many ways to fail');
}

function costOf(alternative: Alternative): Cost {
  return alternative.map(costOfItem).reduce(
    (before, item, i) => {
      if (before.unbounded && !item.sure) {
        const { atom } = alternative[i]!;
        throw new SyntaxError(`${atom} may fail after something that repeats without bound`);
      }
      return {
        paths: before.paths * item.paths,
        length: before.length + item.length,
        unbounded: before.unbounded || item.unbounded,
        sure: before.sure && item.sure,
      };
    },
    { paths: 1, length: 0, unbounded: false, sure: true },
  );
}

function costOfItem({ atom, group, min, max, zeroWidth }: Item): Cost {
  const inside = group?.map(costOf) ?? [{ paths: 1, length: 1, unbounded: false, sure: false }];
  const paths = inside.reduce((sum, one) => sum + one.paths, 0);
  const length = inside.reduce((sum, one) => sum + one.length, 0);
  const unbounded = inside.some((one) => one.unbounded);
  const sure = inside.some((one) => one.sure);
  if (zeroWidth) {
    if (unbounded) throw new SyntaxError(`${atom} looks ahead or back without bound`);
    if (min !== 1 || max !== 1) throw new SyntaxError(`${atom} is wanted another number of times than once`);
    return { paths, length, unbounded: false, sure: false };
  }
  if (sure && max > 1) throw new SyntaxError(`${atom} may repeat without taking anything`);
  if (unbounded && Math.max(min, Number.isFinite(max) ? max : 0) > 1)
    throw new SyntaxError(`${atom} repeats what repeats without bound`);
  if (max === Infinity) {
    const least = Math.max(min, 1);
    return { paths: paths ** least, length: length * least, unbounded: true, sure: min === 0 };
  }
  return { paths: waysOf(paths, min, max), length: length * max, unbounded, sure: sure || min === 0 };
}

/** Of repeating something that has `paths` ways from `min` to `max` times. */
function waysOf(paths: number, min: number, max: number): number {
  if (paths === 1) return max - min + 1;
  return (paths ** (max + 1) - paths ** min) / (paths - 1);
}

/**
 * Forms that are linear though something may fail after a repetition:
 * - `\s+(?!\S)`: a run of white space but its last character is followed by white space, so one step back is enough.
 * - `\s*[\r\n]+` where `\s+` comes later: a run without a line break is walked once for nothing, and taken by `\s+`.
 * - `A*B+` where `A+B*` comes next, with the same around it (words of o200k): a run of A without B likewise.
 */
function known(alternative: Alternative, later: readonly Alternative[]): boolean {
  const text = written(alternative);
  if (text === '\\s+(?!\\S)') return true;
  if (text === '\\s*[\\r\\n]+' || text === '\\s*[\\r\\n]')
    return later.some((other) => written(other) === '\\s+');
  const at = alternative.findIndex(({ min, max }) => min === 0 && max === Infinity);
  const [a, b] = [alternative[at], alternative[at + 1]];
  if (!a || !b || a.group || b.group || !later[0]) return false;
  if (b.min !== 1 || b.max !== Infinity) return false;
  const swapped = alternative.with(at, { ...a, min: 1 }).with(at + 1, { ...b, min: 0 });
  // Whatever else there is must be harmless by itself.
  costOf(swapped);
  return written(swapped) === written(later[0]);
}

function written(alternative: Alternative): string {
  return alternative.map(({ atom, min, max }) => atom + times(min, max)).join('');
}

function times(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (min === 1 && max === 1) return '';
  return min === 0 && max === 1 ? '?' : `{${min},${max}}`;
}
