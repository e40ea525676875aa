import { loadModel } from '@ss/mamba';
import { wasm } from '@ss/wasm';

/** The likeliest 64 tokens after a prompt, and who computed them. In a page the model lies beside it, else in the folder. */
export async function run(): Promise<unknown> {
  const source = 'document' in globalThis ? new URL('model/', location.href) : 'model';
  const model = await loadModel(source, { backend: wasm() });
  let text = '';
  for await (const piece of model.generate('ROMEO:\n', { maxTokens: 64, temperature: 0 })) text += piece.text;
  await model.dispose();
  return { backend: model.engine.id, text };
}
