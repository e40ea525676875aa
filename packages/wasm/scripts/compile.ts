import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

export interface Compiled {
  readonly binary: Uint8Array<ArrayBuffer>;
  /** TypeScript text of the module's exported constants. */
  readonly constants: string;
}

/** All addresses below this belong to the kernels' own constants and the executor's control words. */
const reservedPages = 1;

/** Memory is imported and shared; the host takes the flag off where it has no shared memory. */
const options = [
  '--outFile',
  'kernels.wasm',
  '--optimizeLevel',
  '3',
  '--noAssert',
  '--runtime',
  'stub',
  '--enable',
  'threads',
  '--importMemory',
  '--sharedMemory',
  '--initialMemory',
  String(reservedPages),
  '--maximumMemory',
  '65536',
  // The code addresses 32-bit memory and nothing else.
  '--disableWarning',
  '201',
];

/** @throws Error with the compiler's own messages */
export async function compile(folder: string, flags: readonly string[]): Promise<Compiled> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(['index.ts', ...options, ...flags], {
    readFile: (name) => readOptional(join(folder, name)),
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') binary = contents as Uint8Array<ArrayBuffer>;
    },
    listFiles: (name) => readdirSync(join(folder, name)),
  });
  const messages = stderr.toString();
  if (error || binary === undefined)
    throw new Error(`The kernels do not compile.\n${messages}${error?.message ?? ''}`);
  if (messages !== '') console.warn(messages);
  return { binary, constants: await readConstants(binary) };
}

function readOptional(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

async function readConstants(binary: Uint8Array<ArrayBuffer>): Promise<string> {
  const memory = new WebAssembly.Memory({ initial: reservedPages, maximum: 65536, shared: true });
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  const globals = Object.entries(instance.exports).flatMap(([name, value]) =>
    value instanceof WebAssembly.Global ? [`export const ${name}: number = ${String(value.value)};`] : [],
  );
  return globals.length === 0 ? '' : `${globals.join('\n')}\n`;
}
