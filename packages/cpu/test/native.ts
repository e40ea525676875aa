import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { test } from 'vitest';
import type { TestContext } from 'vitest';
import { missing } from '../scripts/native/toolchain.ts';
import { cpu } from '../src/index.ts';
import type { CpuOptions } from '../src/index.ts';

/** What keeps the native library from being built here. Where nothing does, it has to be there. */
const lacking: string | undefined = missing()[0];

type Body = (context: TestContext) => void | Promise<void>;

/** A test that needs the native library; skipped with the reason where it cannot be built. */
export function nativeTest(name: string, body: Body): void {
  test(name, async (context) => {
    context.skip(lacking !== undefined, `@ss/cpu cannot be built here: ${lacking}`);
    await body(context);
  });
}

export async function open(options: CpuOptions = {}): Promise<Engine> {
  return await createRegistry([cpu(options)]).select({ require: 'cpu' });
}
