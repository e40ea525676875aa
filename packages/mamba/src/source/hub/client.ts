import { failure } from '../../errors.ts';

interface Access {
  readonly hubUrl: string;
  readonly accessToken?: string;
  readonly fetch: typeof fetch;
}

interface Repository {
  readonly type: 'model';
  readonly name: string;
}

export interface ListedFile {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  /** Git's hash of the file, or of what stands for it where the file itself is elsewhere */
  readonly oid?: string;
  /** SHA-256 and size of the file itself */
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/** The part of `@huggingface/hub` that is called. */
export interface HubClient {
  modelInfo(
    params: Access & { readonly name: string; readonly revision: string; readonly additionalFields: ['sha'] },
  ): Promise<{ readonly sha: string }>;
  listFiles(
    params: Access & { readonly repo: Repository; readonly revision: string },
  ): AsyncIterable<ListedFile>;
  downloadFile(
    params: Access & {
      readonly repo: Repository;
      readonly revision: string;
      readonly path: string;
      readonly xet: false;
    },
  ): Promise<Blob | null>;
  getHFHubCachePath(): string;
  getRepoFolderName(repo: Repository): string;
}

/** @throws SsError `source-hub` when it is not installed */
export async function loadClient(name = '@huggingface/hub'): Promise<HubClient> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as HubClient;
  } catch (cause) {
    throw failure('source-hub', `Hub ids are looked up with ${name}, which cannot be imported.`, {
      hint: `npm install ${name}, or pass the folder of a model.`,
      cause,
    });
  }
}
