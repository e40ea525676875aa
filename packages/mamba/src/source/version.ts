/** Headers by which a server tells versions of a file apart. */
const validators = ['etag', 'last-modified'] as const;

/** How two answers show that they are of two versions of a file; undefined when they do not. */
export function differsIn(
  before: Headers,
  after: Headers,
  headers: readonly string[] = validators,
): string | undefined {
  return headers.find((header) => {
    const [one, other] = [before.get(header), after.get(header)];
    return one !== null && other !== null && one !== other;
  });
}

/**
 * What asks a server for a part of this version or the whole of another one. Not across origins in a page: there it
 * would be asked for permission first, which many servers do not give; {@link differsIn} has to do.
 */
export function ifSameVersion(url: URL, headers: Headers): Record<string, string> {
  const { location } = globalThis as { location?: { origin: string } };
  const etag = headers.get('etag');
  const isForeign = location !== undefined && location.origin !== url.origin;
  return etag === null || etag.startsWith('W/') || isForeign ? {} : { 'if-range': etag };
}
