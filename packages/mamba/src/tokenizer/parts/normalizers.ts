import { mayMatchNothing, patternOf } from '../patterns/compile.ts';
import { toByteCharacters } from './byte-alphabet.ts';
import { flagOf, invalid, nameOf, partsOf, textOf, unsupported } from './part.ts';
import type { Part } from './part.ts';
import { stretchesOf } from './split.ts';

/** Text as the model is to see it. */
export type Normalizer = (text: string) => string;

const makers: Readonly<Record<string, (part: Part) => Normalizer>> = {
  Sequence: (part) => {
    const all = partsOf(part, 'normalizers').map(normalizer);
    return (text) => all.reduce((before, one) => one(before), text);
  },
  NFC: () => (text) => text.normalize('NFC'),
  NFD: () => (text) => text.normalize('NFD'),
  NFKC: () => (text) => text.normalize('NFKC'),
  NFKD: () => (text) => text.normalize('NFKD'),
  Lowercase: () => lowercase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ''),
  Strip: (part) => {
    const [left, right] = [flagOf(part, 'strip_left', true), flagOf(part, 'strip_right', true)];
    return (text) => {
      const start = left ? text.search(/\P{White_Space}|$/u) : 0;
      return right
        ? text.slice(start).replace(/(?<!\p{White_Space})\p{White_Space}+$/u, '')
        : text.slice(start);
    };
  },
  Prepend: (part) => {
    const prefix = textOf(part, 'prepend');
    return (text) => (text === '' ? '' : prefix + text);
  },
  Replace: (part) => {
    const replace = replacer(part);
    // What is put where nothing was, `tokenizers` puts twice at the beginning of a text.
    if (part['content'] !== '' && mayMatchNothing(part))
      throw unsupported(nameOf(part), 'as a normalizer its pattern may match nothing');
    return replace;
  },
  ByteLevel: () => toByteCharacters,
  Nmt: () => (text) =>
    text
      .replace(/\p{Cc}/gu, (control) => (nmtKeeps(control.charCodeAt(0)) ? control : ''))
      .replace(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g, ' '),
  BertNormalizer: bert,
  Precompiled: (part) => {
    throw unsupported(nameOf(part), 'its table of characters is in a form of SentencePiece that is not read');
  },
};

/** @throws SsError `tokenizer-unsupported`, `tokenizer-invalid` */
export function normalizer(part: Part): Normalizer {
  const make = makers[textOf(part, 'type')];
  if (make) return make(part);
  throw invalid(`it has a normalizer of the unknown type ${textOf(part, 'type')}`);
}

/** Normalizers that leave the beginning of a text where it is. */
const keepBeginnings = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Prepend', 'ByteLevel'];

/** The first character that a normalizer leaves may come from another one than the text's first. */
export function mayMoveBeginning(part: Part): boolean {
  if (part['type'] === 'Sequence') return partsOf(part, 'normalizers').some(mayMoveBeginning);
  return !keepBeginnings.includes(textOf(part, 'type'));
}

/** Every match of the pattern gives way to the content, as it is written. */
export function replacer(part: Part): Normalizer {
  const pattern = patternOf(part);
  const content = textOf(part, 'content');
  return (text) =>
    stretchesOf(text, pattern)
      .map(({ start, end, match }) => (match ? content : text.slice(start, end)))
      .join('');
}

/** Character by character: a sigma at the end of a word is like any other. */
function lowercase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

const chinese =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** Of the control characters: those that become spaces, zero, and most of Latin-1's. */
function nmtKeeps(code: number): boolean {
  if (code >= 0x7f) return ![0x7f, 0x8f, 0x9f].includes(code);
  return [0x00, 0x09, 0x0a, 0x0c, 0x0d].includes(code);
}

/** Control characters, the invisible ones, and those of private use. */
const others = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\uFFFD]/gu;

function bert(part: Part): Normalizer {
  const lower = flagOf(part, 'lowercase', true);
  const steps: [boolean, Normalizer][] = [
    [flagOf(part, 'clean_text', true), (text) => text.replace(others, '').replace(/\p{White_Space}/gu, ' ')],
    [flagOf(part, 'handle_chinese_chars', true), (text) => text.replace(chinese, ' $& ')],
    [flagOf(part, 'strip_accents', lower), (text) => text.normalize('NFD').replace(/\p{Mn}/gu, '')],
    [lower, lowercase],
  ];
  return (text) => steps.reduce((before, [on, step]) => (on ? step(before) : before), text);
}
