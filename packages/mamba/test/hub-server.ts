import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Files } from './tiny-checkpoint.ts';

/** What is sent in place of a file's bytes; undefined to send them. */
export type Answer = (
  name: string,
  bytes: Uint8Array,
  request: IncomingMessage,
  response: ServerResponse,
) => boolean;

/**
 * The part of the Hugging Face hub's protocol that reading a model takes: model info, the tree in pages,
 * `resolve` with ranges, and a redirect to another place for what is kept by its SHA-256 (`.safetensors`).
 */
export class HubServer implements AsyncDisposable {
  readonly #servers: readonly Server[];
  /** `GET path range`, in order, without the host. */
  readonly requests: string[] = [];
  readonly repositories: Record<string, { sha: string; files: Files }> = {};
  /** Asked for when it is set. */
  token: string | undefined;
  /** May take over what the file server sends. */
  answer: Answer = () => false;
  /** May take over what is said about a model. */
  api: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** Where the next page of a list is said to be. */
  nextPage: (href: string) => string = (href) => href;
  /** Tokens that came to the other origin. */
  readonly leaked: string[] = [];
  endpoint = '';

  /** Another origin, where redirects go. */
  #cdn = '';

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  static async start(): Promise<HubServer> {
    const servers = [0, 1].map(() => createServer((request, response) => hub.#serve(request, response)));
    const hub: HubServer = new HubServer(servers);
    const origins = servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    [hub.endpoint, hub.#cdn] = (await Promise.all(origins)) as [string, string];
    return hub;
  }

  /** Another origin, which is not the hub. */
  get elsewhere(): string {
    return this.#cdn;
  }

  /** Requests for contents beyond the first byte, which only asks for the size. */
  get downloads(): string[] {
    return this.requests.filter(
      (line) => /^\/(cdn|[^/]+\/[^/]+\/resolve)\//.test(line) && !line.endsWith(' 0-0'),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, this.endpoint);
    const range = /^bytes=(\d+-\d+)$/.exec(request.headers.range ?? '')?.[1];
    this.requests.push([url.pathname, range ?? 'whole'].join(' '));
    const { host, authorization } = request.headers;
    if (`http://${host}` === this.#cdn && authorization !== undefined) this.leaked.push(authorization);
    const cdn = /^\/cdn\/([^/]+\/[^/]+)\/(.+)$/.exec(url.pathname);
    if (cdn && request.headers.authorization !== undefined)
      return error(response, 400, 'A token was sent to another origin.');
    if (cdn) return this.#send(cdn[2]!, this.repositories[cdn[1]!]!.files[cdn[2]!]!, request, response);
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`)
      return error(response, 401, 'Access to model is restricted.');
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const repository = this.repositories[(api ?? resolve)?.[1] ?? ''];
    if (repository === undefined) return error(response, 404, 'Repository not found');
    const { sha, files } = repository;
    if (api && this.api(request, response)) return;
    if (api?.[2] === 'revision') {
      if (![sha, 'main', 'refs/pr/1'].includes(decodeURIComponent(api[3]!)))
        return error(response, 404, 'Invalid rev id');
      return json(response, {
        _id: '1',
        id: api[1],
        sha,
        private: false,
        lastModified: '2024-03-05T00:00:00Z',
      });
    }
    if (api) return this.#tree(url, files, response);
    const [name, bytes] = [resolve![3]!, files[resolve![3]!]];
    if (bytes === undefined)
      return error(response, 404, 'Entry not found', { 'x-error-code': 'EntryNotFound' });
    if (!isLarge(name)) return this.#send(name, bytes, request, response);
    response
      .writeHead(302, {
        location: `${this.#cdn}/cdn/${resolve![1]}/${name}`,
        'x-linked-size': String(bytes.length),
        'x-linked-etag': `"${sha256(bytes)}"`,
      })
      .end();
  }

  /** Two entries a page. */
  #tree(url: URL, files: Files, response: ServerResponse): void {
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const entries = Object.entries(files).map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: gitDigest(bytes),
      ...(isLarge(path) && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
    }));
    const all = [...entries, { type: 'directory', path: 'onnx', size: 0, oid: gitDigest(new Uint8Array()) }];
    url.searchParams.set('cursor', String(from + 2));
    const next = from + 2 < all.length ? { link: `<${this.nextPage(url.href)}>; rel="next"` } : {};
    json(response, all.slice(from, from + 2), next);
  }

  #send(name: string, bytes: Uint8Array, request: IncomingMessage, response: ServerResponse): void {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (to !== '0' && this.answer(name, bytes, request, response)) return;
    const headers = { etag: `"${isLarge(name) ? sha256(bytes) : gitDigest(bytes)}"` };
    if (from === undefined) {
      response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
      return;
    }
    const part = bytes.subarray(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { ...headers, 'content-range': range, 'content-length': part.length }).end(part);
  }
}

/** Where the bytes that are asked for begin. */
export function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function gitDigest(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function isLarge(name: string): boolean {
  return name.endsWith('.safetensors');
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function error(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ error: message }));
}
