import { formatReport, runConformance } from '@ss/conformance';
import { createRegistry } from '@ss/core';
import type { OpName, SelectRequest } from '@ss/core';
import { loadModel } from '@ss/mamba';
import type { MambaModel } from '@ss/mamba';
import { wasm } from '@ss/wasm';
import { webgpu } from '@ss/webgpu';

/** The model and the kit in whatever browser this is, on the backend that is chosen, with the reasons. */
const registry = createRegistry([webgpu(), wasm()]);
let model: { readonly backend: string; readonly loaded: Promise<MambaModel> } | undefined;
let work: AbortController | undefined;

function element<E extends HTMLElement>(id: string): E {
  return document.querySelector<E>(`#${id}`)!;
}
const value = (id: string): string => element<HTMLInputElement>(id).value;
const say = (id: string, text: string): void => void (element(id).textContent = text);

function chosenBackend(): string {
  return document.querySelector<HTMLInputElement>('input[name=backend]:checked')!.value;
}

/** The request that a radio button stands for: a named backend is used or is an error. */
function request(): SelectRequest {
  const backend = chosenBackend();
  return backend === 'auto' ? {} : { require: backend };
}

async function explain(): Promise<void> {
  say('decision', 'asking…');
  await registry.explain({ load: true });
  try {
    await using engine = await registry.select(request());
    say('decision', String(engine.decision));
  } catch (error) {
    say('decision', error instanceof Error ? error.message : String(error));
  }
}

/** The model on the chosen backend; that of another one is given up. */
async function modelOf(signal: AbortSignal): Promise<MambaModel> {
  const backend = chosenBackend();
  if (model?.backend === backend) return model.loaded;
  const before = model;
  const loaded = loadModel(new URL('model', location.href), {
    registry,
    signal,
    ...(backend !== 'auto' && { backend }),
    onProgress: (event) =>
      event.phase === 'weights' && say('speed', `${event.bytes} of ${event.total} bytes`),
  });
  model = { backend, loaded };
  loaded.catch(() => (model = undefined));
  await (await before?.loaded.catch(() => undefined))?.dispose();
  return loaded;
}

async function write(signal: AbortSignal): Promise<void> {
  say('text', '');
  const loaded = await modelOf(signal);
  const generation = loaded.generate(value('prompt'), {
    maxTokens: Number(value('tokens')),
    temperature: Number(value('temperature')),
    seed: Number(value('seed')),
    signal,
  });
  for await (const piece of generation) element('text').append(piece.text);
  const { prefillMilliseconds, decodeTokensPerSecond } = generation.summary!;
  say(
    'speed',
    `first token after ${prefillMilliseconds.toFixed(0)} ms, then ${decodeTokensPerSecond.toFixed(1)} tokens/s on ${loaded.engine.id}`,
  );
}

async function conform(signal: AbortSignal): Promise<void> {
  let done = 0;
  const ops = value('ops').split(',').filter(Boolean) as OpName[];
  say('report', '');
  const report = await runConformance({
    backend: () => registry.select(request()),
    vectorsDir: new URL('vectors/', location.href),
    cases: value('cases'),
    ...(ops.length > 0 && { ops }),
    signal,
    onResult: ({ id, status }) => say('progress', `${++done}: ${status} ${id}`),
  });
  say('report', formatReport(report));
  Object.assign(globalThis, { report });
}

/** One piece of work at a time; `data-state` says whether it goes on. */
async function during(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  work?.abort();
  const own = (work = new AbortController());
  const { body } = document;
  body.dataset['state'] = 'busy';
  element<HTMLButtonElement>('stop').disabled = false;
  say('error', '');
  try {
    await run(own.signal);
  } catch (error) {
    if (!own.signal.aborted) say('error', String(error));
  }
  if (work !== own) return;
  body.dataset['state'] = 'idle';
  element<HTMLButtonElement>('stop').disabled = true;
}

element('backends').addEventListener('change', () => void during(explain));
element('generate').addEventListener('click', () => void during(write));
element('conform').addEventListener('click', () => void during(conform));
element('stop').addEventListener('click', () => work?.abort());
void during(explain);
