import type { OptionNames } from '@ss/core';

/** How a model's id is looked up on a hub. */
export interface HubOptions {
  /** default https://huggingface.co */
  readonly endpoint?: string | undefined;
  /** A branch, a tag, a commit, or `refs/pr/1`; default main */
  readonly revision?: string | undefined;
  /** For models that are private or gated. */
  readonly token?: string | undefined;
  /** default that of the Hugging Face libraries, which is shared with them: `HF_HUB_CACHE`, `HF_HOME`, ~/.cache */
  readonly cacheDir?: string | undefined;
  /** Take what was downloaded before, and ask nobody. Default false */
  readonly offline?: boolean | undefined;
}

export const hubOptionNames: OptionNames<HubOptions> = {
  endpoint: true,
  revision: true,
  token: 'hf_token use_auth_token',
  cacheDir: true,
  offline: 'local_files_only',
};

/** Bytes of one file that are here, of all it has. */
export interface DownloadProgress {
  readonly file: string;
  readonly bytes: number;
  readonly total: number;
}

/** `organisation/name` */
export const hubId: RegExp = /^[\w.-]+\/[\w.-]+$/;

export const defaultEndpoint = 'https://huggingface.co';
