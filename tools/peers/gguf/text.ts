import { visibleTokens } from '@ss/cli/against';

/** What stands for ASCII in byte-level BPE (`bytes_to_unicode` of GPT-2): itself, or 256 and more if unseen. */
export const asciiTokens: readonly string[] = [
  ...Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCodePoint(0x21 + i)),
  ...Array.from({ length: 0x22 }, (_, i) => String.fromCodePoint(0x100 + i)),
];

/** The text of tokens that are each one visible character, or undefined when some are not. */
export function textOf(tokens: readonly number[]): string | undefined {
  const [first, last] = visibleTokens;
  if (tokens.some((id) => id < first || id > last)) return undefined;
  return tokens.map((id) => asciiTokens[id]).join('');
}
