import { failure } from '../errors.ts';
import { openBlobs } from './blobs.ts';
import { openFolder } from './folder.ts';
import { nodeFiles, pathOf } from './node.ts';
import type { Source } from './source.ts';
import { openUrl } from './url.ts';

/** A folder's path, the URL of one, or the files themselves: with their names, or under them. */
export type ModelSource = string | URL | readonly Blob[] | Readonly<Record<string, Blob>>;

const hubId = /^[\w.-]+\/[\w.-]+$/;

/** @throws SsError `source-invalid`, `source-unavailable`, `source-hub` */
export async function openSource(source: ModelSource): Promise<Source> {
  if (typeof source === 'string') return openText(source);
  if (source instanceof URL) return openAddress(source);
  if (typeof source === 'object' && source !== null && areBlobs(Object.values(source)))
    return openBlobs(source);
  throw failure('source-invalid', 'A model source is a folder path, a URL or a list of files.', {
    details: { got: typeof source },
  });
}

async function openText(text: string): Promise<Source> {
  if (/^(https?|file|blob|data):/.test(text)) return openAddress(new URL(text));
  const files = nodeFiles();
  if (files === undefined) return openUrl(relativeToPage(text));
  try {
    return await openFolder(text, files);
  } catch (error) {
    if (!hubId.test(text) || text.startsWith('.')) throw error;
    throw failure('source-hub', `There is no folder ${text}, and hub ids are not looked up.`, {
      hint: `Pass https://huggingface.co/${text}/resolve/main, or a folder with its files.`,
      cause: error,
      details: { id: text },
    });
  }
}

async function openAddress(url: URL): Promise<Source> {
  if (url.protocol === 'http:' || url.protocol === 'https:') return openUrl(url);
  const files = nodeFiles();
  const path = url.protocol === 'file:' && files ? pathOf(url) : undefined;
  if (files && path !== undefined) return openFolder(path, files);
  throw failure('source-invalid', `A ${url.protocol} URL cannot be a folder of files here.`, {
    details: { url: url.href },
  });
}

function relativeToPage(text: string): URL {
  const { location } = globalThis as { location?: { href: string } };
  try {
    return new URL(text, location?.href);
  } catch (cause) {
    throw failure('source-invalid', `${text} is neither a URL nor relative to this page.`, { cause });
  }
}

function areBlobs(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every((value) => value instanceof Blob);
}
