import { maxBytesOf } from './limits.ts';

/** Of a file whose length nobody says. */
const maxUnknownBytes = 2 ** 30;

/** `Content-Range: bytes 0-0/1234`; undefined where it is not to be seen. */
export function rangeOf(
  response: Response,
): { readonly first: number; readonly last: number; readonly total: number | undefined } | undefined {
  const header = response.headers.get('content-range') ?? '';
  const [, first = NaN, last = NaN, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header) ?? [];
  if (total === undefined) return undefined;
  return { first: Number(first), last: Number(last), total: total === '*' ? undefined : Number(total) };
}

/** Bytes of the body, unless it is compressed on its way. */
export function lengthOf({ headers }: Response): number | undefined {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : Number(length);
}

/** Bytes that a whole body may have. */
export function limitOf(name: string, response: Response): number {
  return maxBytesOf(name) ?? Math.max(lengthOf(response) ?? 0, maxUnknownBytes);
}

/** What servers answer with to whatever they do not have, and those that want somebody to log in. */
export function isPage({ ok, headers }: Response): boolean {
  return ok && /^text\/html\b/i.test(headers.get('content-type') ?? '');
}
