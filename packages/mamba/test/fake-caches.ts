import type { CacheLike, CacheStorageLike } from '../src/source/cached-file.ts';

/** As a browser's: a body is kept when all of it came, and nothing of it otherwise. */
export class FakeCaches implements CacheStorageLike, CacheLike {
  readonly kept = new Map<string, { bytes: ArrayBuffer; status: number; headers: Headers }>();
  readonly opened: string[] = [];
  full = false;
  /** Thrown by whatever is asked of it. */
  broken: Error | undefined;

  async open(name: string): Promise<CacheLike> {
    this.opened.push(name);
    return this;
  }

  async match(url: string): Promise<Response | undefined> {
    if (this.broken) throw this.broken;
    const found = this.kept.get(url);
    return found && new Response(found.bytes, found);
  }

  async put(url: string, response: Response): Promise<void> {
    if (this.broken) throw this.broken;
    const bytes = await response.arrayBuffer();
    if (this.full) throw new DOMException('Full.', 'QuotaExceededError');
    this.kept.set(url, { bytes, status: response.status, headers: response.headers });
  }

  /** Names of the files it has. */
  get files(): string[] {
    return [...this.kept]
      .filter(([, { status }]) => status === 200)
      .map(([url]) => url.slice(url.lastIndexOf('/') + 1));
  }
}
