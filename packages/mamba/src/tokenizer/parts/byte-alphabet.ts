/**
 * The 256 characters that stand for bytes in byte-level tokenizers (`bytes_to_unicode` of GPT-2): printable Latin-1
 * stands for itself, the others for characters from U+0100 on.
 */
const characters: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : 256 + others++),
  );
})();
const bytes: ReadonlyMap<string, number> = new Map(characters.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function toByteCharacters(text: string): string {
  let all = '';
  for (const byte of encoder.encode(text)) all += characters[byte]!;
  return all;
}

/** The bytes of tokens as text. A token with a character that stands for no byte is text already. */
export function fromByteCharacters(tokens: readonly string[]): string {
  const all = tokens.flatMap((token) => {
    const own = Array.from(token, (character) => bytes.get(character));
    return own.every((byte) => byte !== undefined) ? own : [...encoder.encode(token)];
  });
  return decoder.decode(Uint8Array.from(all));
}
