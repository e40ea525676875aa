/** A TypeScript block of a document. It type-checks, and runs unless its fence says `no-run: why`. */
export interface Example {
  /** `README.md:12`: where its fence stands. */
  readonly place: string;
  readonly code: string;
  readonly noRun?: string;
}

const FENCE = /^```(?:ts|typescript)\b[ \t]*([^\n]*)\n(.*?)^```[ \t]*$/gms;

/** The examples of one Markdown text. A fence that says anything but `no-run: why` is an error. */
export function examplesIn(path: string, markdown: string): Example[] {
  return [...markdown.matchAll(FENCE)].map(({ 1: info = '', 2: code = '', index }) => {
    const place = `${path}:${markdown.slice(0, index).split('\n').length}`;
    if (info === '') return { place, code };
    const noRun = /^no-run: (.+)$/.exec(info)?.[1];
    if (noRun === undefined)
      throw new Error(`${place}: a fence says \`ts\` or \`ts no-run: why\`, not \`ts ${info}\``);
    return { place, code, noRun };
  });
}
