import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sha256 } from './hub-server.ts';
import type { Files } from './tiny-checkpoint.ts';

/** What a server does in place of sending a file as it should; false to send it. */
export type Misbehaviour = (
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array | undefined,
) => boolean;

/** A web server of files: ranges, entity tags and `If-Range` as RFC 9110 has them. */
export class FileServer implements AsyncDisposable {
  readonly #server: Server;
  files: Files;
  misbehave: Misbehaviour = () => false;
  /** Answers without ranges. */
  isWhole = false;
  /** Headers of every answer with a file, such as its date. */
  validators: (bytes: Uint8Array) => Record<string, string> = (bytes) => ({ etag: `"${sha256(bytes)}"` });
  base = '';

  private constructor(files: Files) {
    this.files = files;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(files: Files): Promise<FileServer> {
    const server = new FileServer(files);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.base = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}/models/tiny`;
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const name = decodeURIComponent(request.url!.split('/').at(-1)!);
    const bytes = this.files[name];
    if (this.misbehave(name, request, response, bytes)) return;
    if (bytes === undefined) return void response.writeHead(404).end();
    const headers = this.validators(bytes);
    const condition = request.headers['if-range'];
    const { range } = request.headers;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    const isPart = from !== undefined && !this.isWhole && (!condition || condition === headers['etag']);
    if (!isPart) {
      response.writeHead(200, { ...headers, 'content-length': bytes.length });
      return void response.end(request.method === 'HEAD' ? undefined : bytes);
    }
    const part = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    if (part.length === 0)
      return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    const contentRange = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { ...headers, 'content-range': contentRange, 'content-length': part.length });
    response.end(part);
  }
}

/** Writes on and on until nobody listens. @returns how many bytes were taken */
export function writeEndlessly(
  response: ServerResponse,
  piece: Uint8Array = new Uint8Array(2 ** 20).fill(0x20),
): { readonly bytes: number } {
  const taken = { bytes: 0 };
  const go = (): void => {
    while (!response.destroyed && response.write(piece)) taken.bytes += piece.length;
  };
  response.on('drain', go);
  go();
  return taken;
}
