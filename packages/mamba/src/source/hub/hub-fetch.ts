import { failure } from '../../errors.ts';

/** Of lists and of what is said about errors; files are measured as they are written. */
const maxAnswerBytes = 64 * 2 ** 20;

/**
 * What the client fetches with. A token goes to the hub it was given for and nowhere else, whatever address an answer
 * names as the next one; what is not a file is read up to a limit.
 * @throws SsError `source-invalid` when the endpoint is no URL
 */
export function hubFetch(endpoint: string, signal: AbortSignal | undefined): typeof fetch {
  const origin = originOf(endpoint);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (url.origin !== origin) headers.delete('authorization');
    const response = await fetch(url, { ...init, headers, signal: signal ?? null });
    // The first byte is only asked for to learn the size.
    if (response.ok && headers.get('range') === 'bytes=0-0') {
      await response.body?.cancel();
      return replaced(response, null);
    }
    const isFile = response.ok && !url.pathname.startsWith('/api/');
    return isFile || response.body === null ? response : replaced(response, limited(url, response.body));
  };
}

function originOf(endpoint: string): string {
  try {
    return new URL(endpoint).origin;
  } catch (cause) {
    throw failure('source-invalid', `The hub's endpoint ${JSON.stringify(endpoint)} is no URL.`, { cause });
  }
}

function limited(url: URL, body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream {
  let bytes = 0;
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes)
        throw failure('source-unavailable', `${url.host} answers with more than ${maxAnswerBytes} bytes.`);
      controller.enqueue(chunk);
    },
  });
  return body.pipeThrough(counter);
}

/** The response with another body; it keeps its address, which the client looks at. */
function replaced(response: Response, body: ReadableStream | null): Response {
  const { status, statusText, headers } = response;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', {
    value: response.url,
  });
}
