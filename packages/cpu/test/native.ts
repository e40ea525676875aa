import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { test } from 'vitest';
import type { TestContext } from 'vitest';
import { cpu } from '../src/index.ts';
import type { CpuOptions } from '../src/index.ts';

const probe = cpu().probe();

/** Why nothing native can be tested here. */
export const lacking: string | undefined = probe.available
  ? undefined
  : `${probe.blockers[0].message}: see what setup says`;

type Body = (context: TestContext) => void | Promise<void>;

/** A test that needs the native library; skipped with the reason where it is not built. */
export function nativeTest(name: string, body: Body): void {
  test(name, async (context) => {
    context.skip(lacking !== undefined, lacking);
    await body(context);
  });
}

export async function open(options: CpuOptions = {}): Promise<Engine> {
  return await createRegistry([cpu(options)]).select({ require: 'cpu' });
}
