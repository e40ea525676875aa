/** The words of the pickle language, for pickles that `torch.save` does not write. */
export const pickleOps = {
  tuple: (...items: readonly (readonly number[])[]): number[] => [0x28, ...items.flat(), 0x74],
  text: (value: string): number[] => {
    const bytes = new TextEncoder().encode(value);
    return [0x58, ...u32(bytes.length), ...bytes];
  },
  int: (value: number): number[] => [0x4a, ...u32(value)],
  global: (module: string, name: string): number[] => [0x63, ...ascii(`${module}\n${name}\n`)],
  call: (callee: readonly number[], ...args: readonly (readonly number[])[]): number[] => [
    ...callee,
    ...pickleOps.tuple(...args),
    0x52,
  ],
  /** `{ key: value }` */
  dictionary: (...pairs: readonly (readonly number[])[]): number[] => [0x7d, 0x28, ...pairs.flat(), 0x75],
  whole: (value: readonly number[]): Uint8Array => Uint8Array.from([0x80, 2, ...value, 0x2e]),
} as const;

export function u16(value: number): number[] {
  return [value & 255, (value >>> 8) & 255];
}

export function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}

function ascii(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}
