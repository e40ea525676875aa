import { compilePattern, gpt2Pattern, patternOf } from '../patterns/compile.ts';
import { toByteCharacters } from './byte-alphabet.ts';
import { characterOf, countOf, flagOf, invalid, nameOf, partsOf, textOf, unsupported } from './part.ts';
import type { Part } from './part.ts';
import { behaviorOf, split } from './split.ts';
import type { Behavior, Piece } from './split.ts';

/** Cuts a piece of text into those that the model takes one by one. */
export type PreTokenizer = (piece: Piece) => Piece[];

const numeric = /\p{N}/gu;
const whiteSpace = /\p{White_Space}/gu;
const punctuation = /[\p{P}$+<=>^`|~]/gu;
/** `\w+|[^\w\s]+` of Rust's `regex`. */
const words =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;

const makers: Readonly<Record<string, (part: Part) => PreTokenizer>> = {
  Sequence: (part) => {
    const all = partsOf(part, 'pretokenizers').map(preTokenizer);
    return (piece) => all.reduce((pieces, one) => pieces.flatMap(one), [piece]);
  },
  ByteLevel: (part) => {
    const prefix = flagOf(part, 'add_prefix_space', true);
    const pattern = flagOf(part, 'use_regex', true) ? compilePattern(gpt2Pattern) : undefined;
    return (piece) => {
      const text = prefix && !piece.text.startsWith(' ') ? ` ${piece.text}` : piece.text;
      const pieces = pattern ? split({ ...piece, text }, pattern, 'Isolated') : [{ ...piece, text }];
      return pieces.map(({ text, first }) => ({ text: toByteCharacters(text), first }));
    };
  },
  Metaspace: metaspace,
  Split: (part) => by(patternOf(part), behaviorOf(part['behavior']), flagOf(part, 'invert', false)),
  Whitespace: () => by(words, 'Removed', true),
  WhitespaceSplit: () => by(whiteSpace, 'Removed'),
  Punctuation: (part) => by(punctuation, behaviorOf(part['behavior'] ?? 'Isolated')),
  Digits: (part) => by(numeric, flagOf(part, 'individual_digits', false) ? 'Isolated' : 'Contiguous'),
  BertPreTokenizer: () => {
    const words = by(whiteSpace, 'Removed');
    const marks = by(punctuation, 'Isolated');
    return (piece) => words(piece).flatMap(marks);
  },
  CharDelimiterSplit: (part) => by(literal(characterOf(part, 'delimiter')), 'Removed'),
  FixedLength: (part) => {
    const length = countOf(part, 'length', 1, 5);
    return ({ text, first }) => {
      const characters = [...text];
      return Array.from({ length: Math.ceil(characters.length / length) }, (_, i) => ({
        text: characters.slice(i * length, (i + 1) * length).join(''),
        first: first && i === 0,
      }));
    };
  },
  UnicodeScripts: (part) => {
    throw unsupported(nameOf(part), 'it goes by a table of scripts that is not here');
  },
};

/** @throws SsError `tokenizer-unsupported`, `tokenizer-invalid` */
export function preTokenizer(part: Part): PreTokenizer {
  const make = makers[textOf(part, 'type')];
  if (make) return make(part);
  throw invalid(`it has a pre-tokenizer of the unknown type ${textOf(part, 'type')}`);
}

function by(pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer {
  return (piece) => split(piece, pattern, behavior, invert);
}

function literal(text: string): RegExp {
  return compilePattern({ String: text });
}

function metaspace(part: Part): PreTokenizer {
  const replacement = characterOf(part, 'replacement');
  const scheme = prependScheme(part);
  const cut = flagOf(part, 'split', true) ? by(literal(replacement), 'MergedWithNext') : undefined;
  return (piece) => {
    const replaced = piece.text.replaceAll(' ', () => replacement);
    const prepends = scheme === 'always' || (scheme === 'first' && piece.first);
    const text = prepends && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
    return cut ? cut({ ...piece, text }) : [{ ...piece, text }];
  };
}

/** It asks which piece begins the text as it was given. */
export function asksForFirst(part: Part): boolean {
  if (part['type'] === 'Sequence') return partsOf(part, 'pretokenizers').some(asksForFirst);
  return part['type'] === 'Metaspace' && prependScheme(part) === 'first';
}

/** When the replacement is put before a text that does not begin with it. */
export function prependScheme(part: Part): 'always' | 'first' | 'never' {
  const scheme = part['prepend_scheme'] ?? 'always';
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
    throw invalid(`${nameOf(part)} has the unknown prepend_scheme ${JSON.stringify(scheme)}`);
  if (part['add_prefix_space'] !== false || scheme === 'never') return scheme;
  throw invalid(`${nameOf(part)} has an add_prefix_space that does not match its prepend_scheme`);
}
