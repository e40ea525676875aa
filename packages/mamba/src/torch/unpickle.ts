import { SsError } from '@ss/core';
import { pause } from '../generate/pause.ts';

/** A class or function that a pickle names. */
export interface PickleGlobal {
  readonly global: string;
}
/** What a storage is replaced by: `('storage', class, key, location, elements)`. */
export interface PicklePersistent {
  readonly persistent: PickleValue;
}
/** A call that a pickle asks for; it is never made, only kept for the reader to understand. */
export interface PickleCall {
  readonly call: string;
  readonly args: readonly PickleValue[];
}
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleGlobal
  | PicklePersistent
  | PickleCall
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/** The names a checkpoint of tensors needs, and no others. */
const calls = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
]);
const storageClass = /^torch\.[A-Za-z0-9]+Storage$/;

/**
 * Steps that are taken: each may make a dictionary, which is a hundred times the byte that asks for it. A tensor takes
 * about 40, so this is fifty thousand tensors.
 */
const maxSteps = 2_000_000;
/** Steps between which the thread is free: a few milliseconds. */
const stepsAtOnce = 50_000;

const mark = Symbol('mark');
type Stack = (PickleValue | typeof mark)[];

/**
 * Reads the subset of the pickle protocol (2 to 4) that `torch.save` writes for a dictionary of tensors.
 * Pickle is a language for running any Python; this reader runs nothing: a name or an opcode outside the
 * subset ends the reading. Values are shared as the pickle shares them, so that a few bytes may describe a tree that no
 * memory holds: whoever reads the result must not walk through all of it.
 * @throws SsError `checkpoint-pickle` naming the opcode or the name, and its position
 */
export async function unpickle(bytes: Uint8Array, file: string): Promise<PickleValue> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder('utf-8', { fatal: true });
  const memo = new Map<number, PickleValue>();
  const stack: Stack = [];
  let at = 0;

  const fail = (why: string): SsError =>
    new SsError('checkpoint-pickle', `${file} is not a dictionary of tensors: ${why} at byte ${at}.`, {
      hint: 'Convert it to safetensors with the tools it came from, if you trust it.',
    });
  const take = (length: number): number => {
    if (length < 0 || at + length > bytes.length) throw fail(`it ends inside an item`);
    at += length;
    return at - length;
  };
  const u8 = (): number => view.getUint8(take(1));
  const u16 = (): number => view.getUint16(take(2), true);
  const u32 = (): number => view.getUint32(take(4), true);
  const i32 = (): number => view.getInt32(take(4), true);
  const string = (length: number): string => {
    const start = take(length);
    try {
      return text.decode(bytes.subarray(start, start + length));
    } catch {
      throw fail('it has text that is not UTF-8');
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0 || end - at > 256) throw fail('it has a name without an end');
    const value = string(end - at);
    take(1);
    return value;
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === mark) throw fail('it takes from an empty stack');
    return value;
  };
  const popToMark = (): PickleValue[] => {
    const start = stack.lastIndexOf(mark);
    if (start < 0) throw fail('it has no mark where one is needed');
    return stack.splice(start).slice(1) as PickleValue[];
  };
  const top = (): PickleValue => {
    const value = stack.at(-1);
    if (value === undefined || value === mark) throw fail('it looks at an empty stack');
    return value;
  };
  const global = (module: string, name: string): PickleGlobal => {
    const path = `${module}.${name}`;
    if (!calls.has(path) && !storageClass.test(path))
      throw fail(`it names ${path.slice(0, 100)}, which no tensor needs,`);
    return { global: path };
  };
  const long = (length: number): number => {
    if (length > 8) throw fail('it has an integer of more than 64 bits');
    let value = 0n;
    const start = take(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[start + i]!);
    const signed = length === 0 ? 0n : BigInt.asIntN(8 * length, value);
    if (signed > BigInt(Number.MAX_SAFE_INTEGER) || signed < -BigInt(Number.MAX_SAFE_INTEGER))
      throw fail(`it has the integer ${signed}`);
    return Number(signed);
  };
  const setItems = (pairs: readonly PickleValue[]): void => {
    const target = top();
    if (!(target instanceof Map) || pairs.length % 2 !== 0)
      throw fail('it sets items of what is not a dictionary');
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i]!, pairs[i + 1]!);
  };
  const append = (items: readonly PickleValue[]): void => {
    const target = top();
    if (!Array.isArray(target)) throw fail('it appends to what is not a list');
    for (const item of items) target.push(item);
  };

  const opcodes: Readonly<Record<number, () => void>> = {
    [0x80]: () => {
      const protocol = u8();
      if (protocol < 2 || protocol > 4) throw fail(`its protocol is ${protocol}`);
    },
    [0x95]: () => void take(8), // FRAME
    [0x28]: () => void stack.push(mark), // MARK
    [0x30]: () => void stack.pop(), // POP
    [0x4e]: () => void stack.push(null), // NONE
    [0x88]: () => void stack.push(true), // NEWTRUE
    [0x89]: () => void stack.push(false), // NEWFALSE
    [0x4a]: () => void stack.push(i32()), // BININT
    [0x4b]: () => void stack.push(u8()), // BININT1
    [0x4d]: () => void stack.push(u16()), // BININT2
    [0x8a]: () => void stack.push(long(u8())), // LONG1
    [0x47]: () => void stack.push(view.getFloat64(take(8))), // BINFLOAT
    [0x58]: () => void stack.push(string(u32())), // BINUNICODE
    [0x8c]: () => void stack.push(string(u8())), // SHORT_BINUNICODE
    [0x55]: () => void stack.push(string(u8())), // SHORT_BINSTRING
    [0x7d]: () => void stack.push(new Map()), // EMPTY_DICT
    [0x5d]: () => void stack.push([]), // EMPTY_LIST
    [0x29]: () => void stack.push([]), // EMPTY_TUPLE
    [0x85]: () => void stack.push([pop()]), // TUPLE1
    [0x86]: () => void stack.push([pop(), pop()].reverse()), // TUPLE2
    [0x87]: () => void stack.push([pop(), pop(), pop()].reverse()), // TUPLE3
    [0x74]: () => void stack.push(popToMark()), // TUPLE
    [0x73]: () => setItems([pop(), pop()].reverse()), // SETITEM
    [0x75]: () => setItems(popToMark()), // SETITEMS
    [0x61]: () => append([pop()]), // APPEND
    [0x65]: () => append(popToMark()), // APPENDS
    [0x71]: () => void memo.set(u8(), top()), // BINPUT
    [0x72]: () => void memo.set(u32(), top()), // LONG_BINPUT
    [0x94]: () => void memo.set(memo.size, top()), // MEMOIZE
    [0x68]: () => recall(u8()), // BINGET
    [0x6a]: () => recall(u32()), // LONG_BINGET
    [0x63]: () => void stack.push(global(line(), line())), // GLOBAL
    [0x93]: () => {
      // STACK_GLOBAL
      const [name, module] = [pop(), pop()];
      if (typeof module !== 'string' || typeof name !== 'string') throw fail('it has a name that is no text');
      stack.push(global(module, name));
    },
    [0x51]: () => void stack.push({ persistent: pop() }), // BINPERSID
    [0x52]: () => {
      // REDUCE
      const [args, callee] = [pop(), pop()];
      if (!Array.isArray(args) || !isGlobal(callee) || !calls.has(callee.global))
        throw fail('it calls what is not a function of tensors');
      stack.push(callee.global === 'collections.OrderedDict' ? new Map() : { call: callee.global, args });
    },
    // BUILD: attributes of a dictionary, such as the _metadata of a state_dict, carry no tensors.
    [0x62]: () => void pop(),
  };

  function recall(key: number): void {
    const value = memo.get(key);
    if (value === undefined) throw fail(`it recalls item ${key}, which was never stored,`);
    stack.push(value);
  }

  for (let step = 1; ; step++) {
    if (step > maxSteps) throw fail(`it takes more than ${maxSteps} steps, which no model needs,`);
    if (step % stepsAtOnce === 0) await pause();
    const opcode = u8();
    if (opcode === 0x2e) break;
    const run = opcodes[opcode];
    if (run === undefined)
      throw fail(`it has the opcode 0x${opcode.toString(16)}, which a dictionary of tensors does not need,`);
    run();
  }
  return pop();
}

function isGlobal(value: PickleValue): value is PickleGlobal {
  return typeof value === 'object' && value !== null && 'global' in value;
}
