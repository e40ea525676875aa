import type { Random } from './random.ts';
import { filesOf, zip } from './torch-archive.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Step = readonly number[];

/** Bytes after each opcode that has any; those of text and names are counted where they stand. */
const argumentBytes: Readonly<Record<number, number>> = { 0x80: 1, 0x4a: 4, 0x4b: 1, 0x71: 1, 0x68: 1 };
const [binUnicode, globalName] = [0x58, 0x63];

/** Steps that make, share, take apart and put together, with small arguments. */
const strange: readonly ((random: Random) => Step)[] = [
  (random) => [0x71, random.int(0, 8)],
  (random) => [0x68, random.int(0, 8)],
  (random) => [random.pick([0x28, 0x29, 0x30, 0x4e, 0x51, 0x52, 0x5d, 0x61, 0x62, 0x65, 0x73, 0x74, 0x75])],
  (random) => [random.pick([0x7d, 0x85, 0x86, 0x87, 0x88, 0x89, 0x93, 0x94])],
  (random) => [0x4a, ...random.pick(integers)],
  // Twice what is on top: so often that the leaves of the tree are counted in thousands of digits.
  (random) => Array.from({ length: random.int(1, 300) }, () => [0x71, 9, 0x68, 9, 0x86]).flat(),
  (random) => Array.from({ length: random.int(1, 5000) }, () => [0x28, 0x4e]).flat(),
  (random) => new Array<number>(random.int(1, 50_000)).fill(random.pick([0x29, 0x5d, 0x7d, 0x4e])),
];
const integers: readonly Step[] = [
  [0, 0, 0, 0],
  [1, 0, 0, 0],
  [255, 255, 255, 255],
  [255, 255, 255, 127],
  [0, 0, 16, 0],
];

/** An archive of `torch.save` whose pickle has one to six other steps; the archive itself stays whole. */
export function otherPickle(archive: Bytes, random: Random): Bytes {
  const files = filesOf(archive);
  const pickle = files.find(([path]) => path.endsWith('data.pkl'))?.[1];
  if (pickle === undefined) return archive;
  const steps = stepsOf(pickle);
  for (let i = random.int(1, 6); i > 0; i--) change(steps, random);
  const bytes = Uint8Array.from(steps.flat());
  return zip(files.map(([path, content]) => [path, content === pickle ? bytes : content]));
}

function change(steps: Step[], random: Random): void {
  const at = random.int(1, Math.max(1, steps.length - 1));
  switch (random.int(0, 4)) {
    case 0:
      steps.splice(at, random.int(1, 4));
      break;
    case 1:
      steps.splice(at, 0, ...steps.slice(at, at + random.int(1, 40)));
      break;
    case 2: {
      // An integer is a shape, a stride or an offset.
      const where = steps.findIndex(([opcode], i) => i >= at && opcode === 0x4a);
      if (where >= 0) steps[where] = [0x4a, ...random.pick(integers)];
      break;
    }
    default:
      steps.splice(at, 0, random.pick(strange)(random));
  }
}

/** A pickle by its steps: opcodes with what belongs to them. What is not understood is steps of one byte. */
function stepsOf(pickle: Uint8Array): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < pickle.length;) {
    const opcode = pickle[at]!;
    let end = at + 1 + (argumentBytes[opcode] ?? 0);
    if (opcode === binUnicode) end = at + 5 + (pickle[at + 1]! | (pickle[at + 2]! << 8));
    if (opcode === globalName) end = pickle.indexOf(10, pickle.indexOf(10, at) + 1) + 1;
    if (end <= at || end > pickle.length) end = at + 1;
    steps.push([...pickle.subarray(at, end)]);
    at = end;
  }
  return steps;
}
