import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** What a page needs to be cross-origin isolated, and so to have SharedArrayBuffer and wasm threads. */
const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** A running server. `url` ends with a slash. */
export interface Served extends AsyncDisposable {
  readonly url: string;
}

/** Serves the files under `directory` on a free local port, `isolated` with COOP and COEP headers. */
export async function serve(directory: string, options: { isolated?: boolean } = {}): Promise<Served> {
  const headers = options.isolated ? ISOLATION_HEADERS : {};
  const server = createServer(async (request, response) => {
    const pathname = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = join(directory, normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) return void response.writeHead(404, headers).end();
    const type = CONTENT_TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': found.size });
    createReadStream(file).pipe(response);
  });
  const port = await listen(server);
  return {
    url: `http://localhost:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
  return (server.address() as AddressInfo).port;
}
