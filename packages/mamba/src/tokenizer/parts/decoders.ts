import { fromByteCharacters } from './byte-alphabet.ts';
import { replacer } from './normalizers.ts';
import { characterOf, countOf, flagOf, invalid, partsOf, textOf } from './part.ts';
import type { Part } from './part.ts';
import { prependScheme } from './pre-tokenizers.ts';

/** Tokens to pieces of text, which are put together without anything between them. */
export type Decoder = (tokens: readonly string[]) => string[];

const makers: Readonly<Record<string, (part: Part) => Decoder>> = {
  Sequence: (part) => {
    const all = partsOf(part, 'decoders').map(decoder);
    return (tokens) => all.reduce((before, one) => one(before), [...tokens]);
  },
  ByteLevel: () => (tokens) => [fromByteCharacters(tokens)],
  ByteFallback: () => byteFallback,
  Metaspace: (part) => {
    const replacement = characterOf(part, 'replacement');
    const first = prependScheme(part) === 'never' ? ' ' : '';
    return (tokens) => tokens.map((token, i) => token.replaceAll(replacement, i === 0 ? first : ' '));
  },
  Replace: (part) => {
    const replace = replacer(part);
    return (tokens) => tokens.map(replace);
  },
  Fuse: () => (tokens) => [tokens.join('')],
  Strip: (part) => {
    const content = characterOf(part, 'content');
    const [start, stop] = [countOf(part, 'start', 0), countOf(part, 'stop', 0)];
    return (tokens) => tokens.map((token) => strip([...token], content, start, stop));
  },
  WordPiece: (part) => {
    const prefix = textOf(part, 'prefix', '##');
    const clean = flagOf(part, 'cleanup', true) ? cleanUp : (text: string) => text;
    return (tokens) =>
      tokens.map((token, i) =>
        clean(i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`),
      );
  },
  BPEDecoder: (part) => {
    const suffix = textOf(part, 'suffix', '</w>');
    return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
  },
  CTC: (part) => {
    const [pad, space] = [textOf(part, 'pad_token', '<pad>'), textOf(part, 'word_delimiter_token', '|')];
    const clean = flagOf(part, 'cleanup', true)
      ? (text: string) => cleanUp(text).replaceAll(space, ' ')
      : (text: string) => text;
    return (tokens) =>
      tokens
        .filter((token, i) => token !== tokens[i - 1])
        .map((token) => clean(token.replaceAll(pad, '')))
        .filter((text) => text !== '');
  },
};

/** @throws SsError `tokenizer-unsupported`, `tokenizer-invalid` */
export function decoder(part: Part): Decoder {
  const make = makers[textOf(part, 'type')];
  if (make) return make(part);
  throw invalid(`it has a decoder of the unknown type ${textOf(part, 'type')}`);
}

/** Tokens like <0x0A> are bytes; a run of them that is no UTF-8 is a U+FFFD for each. */
function byteFallback(tokens: readonly string[]): string[] {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      texts.push(utf8.decode(Uint8Array.from(bytes)));
    } catch {
      texts.push('\uFFFD'.repeat(bytes.length));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x(\+?[\da-f]|[\da-f]{2})>$/i.exec(token)?.[1];
    if (byte !== undefined && token.length === 6) {
      bytes.push(Number.parseInt(byte, 16));
    } else {
      flush();
      texts.push(token);
    }
  }
  flush();
  return texts;
}

/** Takes up to so many of a character from both ends. */
function strip(characters: readonly string[], content: string, start: number, stop: number): string {
  let from = 0;
  while (from < Math.min(start, characters.length) && characters[from] === content) from++;
  let to = characters.length;
  while (to > from && characters.length - to < stop && characters[to - 1] === content) to--;
  return characters.slice(from, to).join('');
}

/** Takes back what cutting at words and punctuation did to English. */
function cleanUp(text: string): string {
  const pairs = [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ] as const;
  return pairs.reduce((before, [from, to]) => before.replaceAll(from, to), text);
}
