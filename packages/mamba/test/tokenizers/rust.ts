import type { JsonObject } from '../../src/checkpoint/json.ts';

/** The tokenizer of Hugging Face's library in Rust, or why it is not here. */
export interface RustTokenizer {
  encode(text: string): Promise<readonly number[]>;
  decode(ids: readonly number[]): Promise<string>;
}

type Make = (tokenizer: JsonObject) => RustTokenizer;

async function load(): Promise<{ make: Make; missing: undefined } | { make: undefined; missing: string }> {
  try {
    const { Tokenizer } = await import('@anush008/tokenizers');
    const make: Make = (tokenizer) => {
      const inner = Tokenizer.fromString(JSON.stringify(tokenizer));
      return {
        encode: async (text) => (await inner.encode(text)).getIds(),
        decode: (ids) => inner.decode([...ids], true),
      };
    };
    return { make, missing: undefined };
  } catch (error) {
    return {
      make: undefined,
      missing: `@anush008/tokenizers has no library for this system: ${String(error)}`,
    };
  }
}

export const rust: Awaited<ReturnType<typeof load>> = await load();
