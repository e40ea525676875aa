import { closeSync, openSync, readSync } from 'node:fs';

/** What decides which native library fits. */
export interface Platform {
  /** such as `linux`, as `process.platform` */
  readonly system: string;
  /** such as `x64`, as `process.arch` */
  readonly processor: string;
  /** of this Node; undefined where it is not known, or means nothing */
  readonly libc: 'gnu' | 'musl' | undefined;
  /** what kernels need at least and this processor lacks */
  readonly lacks: readonly string[];
}

/** Looked up in files of a few kilobytes; nothing is started for it. */
export function thisPlatform(): Platform {
  const { platform: system, arch: processor } = process;
  const linux = system === 'linux';
  return {
    system,
    processor,
    libc: linux ? libcOf(interpreter(head(process.execPath, 4096))) : undefined,
    lacks: linux && processor === 'x64' ? lacking(head('/proc/cpuinfo', 8192).toString('latin1')) : [],
  };
}

/** The name of the package that has a platform's library. */
export function packageFor({ system, processor, libc }: Platform): string {
  return ['@ss/cpu', system, processor, ...(libc === undefined ? [] : [libc])].join('-');
}

/** The first bytes of a file, or none. */
function head(path: string, most: number): Buffer {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(most);
      return bytes.subarray(0, readSync(file, bytes, 0, most, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return Buffer.alloc(0);
  }
}

const elfMagic = 0x7f454c46;
const programInterpreter = 3;

/** The dynamic loader that a 64-bit ELF program asks for (System V ABI, chapter 5), which is that of its C library. */
function interpreter(program: Buffer): string | undefined {
  if (program.length < 64 || program.readUInt32BE(0) !== elfMagic) return undefined;
  const table = Number(program.readBigUInt64LE(32));
  const size = program.readUInt16LE(54);
  for (let i = 0; i < program.readUInt16LE(56); i++) {
    const at = table + i * size;
    if (at + 40 > program.length) return undefined;
    if (program.readUInt32LE(at) !== programInterpreter) continue;
    const start = Number(program.readBigUInt64LE(at + 8));
    return program.toString('latin1', start, start + Number(program.readBigUInt64LE(at + 32)) - 1);
  }
  return undefined;
}

export function libcOf(loader: string | undefined): Platform['libc'] {
  if (loader === undefined) return undefined;
  return loader.includes('ld-musl') ? 'musl' : 'gnu';
}

/** What x86-64-v2 has beyond the first processors of this architecture, as /proc/cpuinfo calls it. */
const needed = ['ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'cx16'] as const;

export function lacking(cpuinfo: string): readonly string[] {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ');
  return flags === undefined ? [] : needed.filter((flag) => !flags.includes(flag));
}
