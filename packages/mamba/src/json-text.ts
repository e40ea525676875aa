/** What a JSON text may hold; asked before it is parsed, because parsing makes an object of every two bytes. */
export interface JsonBudget {
  /** Objects and arrays inside one another. */
  readonly depth: number;
  /** Keys, objects, arrays and values, roughly. */
  readonly values: number;
}

const quote = 0x22;
const backslash = 0x5c;
const [comma, colon] = [0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Calls `visit` with the first character of every string and of every other token that gives a JSON text its
 * structure, and where it starts and ends. The text need not be JSON. No regular expression: those that match
 * strings overflow the stack on long ones.
 */
export function forEachJsonToken(
  text: string,
  visit: (first: number, start: number, end: number) => void,
): void {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfString(text, at);
      visit(code, at, end);
      at = end - 1;
    } else if (isStructural(code)) visit(code, at, at + 1);
  }
}

/** Why a JSON text is more than its reader expects; undefined when it is not. */
export function overBudget(text: string, { depth, values }: JsonBudget): string | undefined {
  let [open, deepest, count] = [0, 0, 0];
  forEachJsonToken(text, (first) => {
    if (first === openBrace || first === openBracket) deepest = Math.max(deepest, ++open);
    else if (first === closeBrace || first === closeBracket) open--;
    if (first === openBrace || first === openBracket || first === comma || first === colon) count++;
  });
  if (deepest > depth) return `is nested ${deepest} deep, of which ${depth} are read`;
  return count > values ? `has about ${count} values, of which ${values} are read` : undefined;
}

/**
 * The first key that some object of a JSON text has twice, or undefined. `JSON.parse` keeps the last one
 * silently, so that two readers of one file could see two different tensors.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let pending = '';
  let twice: string | undefined;
  forEachJsonToken(json, (first, start, end) => {
    if (first === openBrace) open.push(new Set());
    else if (first === openBracket) open.push(undefined);
    else if (first === closeBrace || first === closeBracket) open.pop();
    else if (first === quote) pending = json.slice(start, end);
    else if (first === colon) {
      const keys = open.at(-1);
      const key = JSON.parse(pending) as string;
      if (keys?.has(key)) twice ??= key;
      keys?.add(key);
    }
  });
  return twice;
}

/** JSON with the bare Infinity and NaN that Python's json module writes. */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/\bInfinity\b|\bNaN\b/.test(text)) throw error;
  }
  const parts: string[] = [];
  let from = 0;
  // Strings stay as they are; what stands between them has the constants.
  const upTo = (end: number): void => void parts.push(withoutConstants(text.slice(from, end)));
  forEachJsonToken(text, (first, start, end) => {
    if (first !== quote) return;
    upTo(start);
    parts.push(text.slice(start, end));
    from = end;
  });
  upTo(text.length);
  return JSON.parse(parts.join(''));
}

/** Numbers beyond the range of a double are read as infinite. */
function withoutConstants(text: string): string {
  return text.replaceAll(/\bInfinity\b/g, '1e999').replaceAll(/\bNaN\b/g, 'null');
}

/** One past the quote that ends the string which starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
  return text.length;
}

function isStructural(code: number): boolean {
  return (
    code === comma ||
    code === colon ||
    code === openBrace ||
    code === closeBrace ||
    code === openBracket ||
    code === closeBracket
  );
}
