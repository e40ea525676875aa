import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../browser/serve.ts';
import { buildPage } from './build.ts';

// Builds the page and serves it for people: with the headers that give WebAssembly its threads.
const folder = await mkdtemp(join(tmpdir(), 'ss-page-'));
await buildPage(folder);
const { url } = await serve(folder, { isolated: true });
console.log(url);
