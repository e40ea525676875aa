/** Field names of a kernel's argument class, in the order of its words, with what each word holds. */
export type Layout = Readonly<Record<string, 'i32' | 'f32'>>;

/** A value for every field. Pointers and strides are bytes and wrap to 32 bits. */
export type ArgValues<L extends Layout> = { readonly [Field in keyof L]: number };

const fieldsOf = new WeakMap<Layout, readonly (readonly [field: string, float: boolean])[]>();

/** The words a kernel reads its arguments from. */
export function argWords<L extends Layout>(layout: L, values: ArgValues<L>): Int32Array<ArrayBuffer> {
  let fields = fieldsOf.get(layout);
  if (fields === undefined) {
    fields = Object.entries(layout).map(([field, type]) => [field, type === 'f32'] as const);
    fieldsOf.set(layout, fields);
  }
  const words = new Int32Array(fields.length);
  for (const [index, [field, float]] of fields.entries()) {
    const value = (values as Readonly<Record<string, number>>)[field]!;
    words[index] = float ? bitsOf(value) : value;
  }
  return words;
}

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

function bitsOf(value: number): number {
  scratch[0] = value;
  return scratchBits[0]!;
}
