import { found, sizeOf } from './disk.ts';
import type { Disk } from './disk.ts';
import type { RemoteFile } from './download.ts';
import { lock } from './lock.ts';

/**
 * What is here of one model, laid out as the Hugging Face libraries do: contents in `blobs`, by their digest;
 * in `snapshots/<commit>` links to them by name; in `refs` the commit of each branch when it was last asked.
 */
export class RepositoryCache {
  readonly #disk: Disk;
  readonly #root: string;

  constructor(disk: Disk, root: string) {
    this.#disk = disk;
    this.#root = root;
  }

  snapshot(commit: string): string {
    return `${this.#root}/snapshots/${commit}`;
  }

  /** The commit that a revision was, undefined if it was never asked. */
  async commitOf(revision: string): Promise<string | undefined> {
    return (await found(this.#disk.readFile(`${this.#root}/refs/${revision}`, 'utf8')))?.trim();
  }

  /** Makes the folders, and notes the commit. */
  async begin(revision: string, commit: string): Promise<void> {
    for (const folder of [this.snapshot(commit), `${this.#root}/blobs`])
      await this.#disk.mkdir(folder, { recursive: true });
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const ref = `${this.#root}/refs/${revision}`;
    await this.#disk.mkdir(ref.slice(0, ref.lastIndexOf('/')), { recursive: true });
    // Never half written where somebody else reads it.
    const written = `${ref}.${crypto.randomUUID()}`;
    await this.#disk.writeFile(written, commit);
    await this.#disk.rename(written, ref);
  }

  /** Makes a file of a commit be there whole; `fetch` brings it when it is not. */
  async ensure(
    commit: string,
    { name, size, digest }: RemoteFile,
    signal: AbortSignal | undefined,
    fetch: (path: string) => Promise<void>,
  ): Promise<void> {
    const link = `${this.snapshot(commit)}/${name}`;
    if ((await sizeOf(this.#disk, link)) === size) return;
    const blob = `${this.#root}/blobs/${digest}`;
    await using _ = await lock(this.#disk, `${blob}.lock`, signal);
    if ((await sizeOf(this.#disk, blob)) !== size) {
      await this.#disk.rm(blob, { force: true });
      await fetch(blob);
    }
    await this.#disk.rm(link, { force: true });
    await this.#disk
      .symlink(`../../blobs/${digest}`, link)
      // Windows wants a privilege for links.
      .catch(() => this.#disk.copyFile(blob, link));
  }
}
