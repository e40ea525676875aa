/** Field names of a kernel's argument class, in the order of its words, with what each word holds. */
export type Layout = Readonly<Record<string, 'i32' | 'f32'>>;

/** A value for every field. Pointers and strides are bytes and wrap to 32 bits. */
export type ArgValues<L extends Layout> = { readonly [Field in keyof L]: number };

/** The words a kernel reads its arguments from. */
export function argWords<L extends Layout>(layout: L, values: ArgValues<L>): Int32Array<ArrayBuffer> {
  const fields = Object.entries(layout);
  const words = new Int32Array(fields.length);
  const floats = new Float32Array(words.buffer);
  for (const [index, [field, type]] of fields.entries()) {
    const value = values[field]!;
    if (type === 'f32') floats[index] = value;
    else words[index] = value;
  }
  return words;
}
