/**
 * The first key that some object of a JSON text has twice, or undefined. `JSON.parse` keeps the last one
 * silently, so that two readers of one file could see two different tensors.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let pending: string | undefined;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') pending = token;
    else {
      const keys = open.at(-1);
      const key = JSON.parse(pending!) as string;
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
