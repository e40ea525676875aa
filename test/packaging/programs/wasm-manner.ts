import { createRegistry } from '@ss/core';
import { wasm } from '@ss/wasm';

/** How the backend says it will compute here. */
export async function run(): Promise<unknown> {
  const engine = await createRegistry([wasm()]).select({ require: 'wasm', ops: ['selectiveScan'] });
  const notes = engine.decision?.chosen?.notes;
  await engine.dispose();
  return notes;
}
