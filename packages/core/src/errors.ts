const marker = Symbol.for('@ss/error');

export interface SsErrorOptions {
  /** One sentence saying what to do about it. */
  readonly hint?: string;
  /** The facts of both sides, as data. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one error class of the package family. Recognise it by {@link SsError.is} and `code`,
 * never by `instanceof`: two copies of core may live in one program.
 */
export class SsError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: SsErrorOptions = {}) {
    super(options.hint === undefined ? message : `${message} ${options.hint}`, { cause: options.cause });
    this.name = code === 'aborted' ? 'AbortError' : 'SsError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
    Object.defineProperty(this, marker, { value: true });
  }

  /** True for an error of any copy of this package, optionally with this code. */
  static is<Code extends string>(value: unknown, code?: Code): value is SsError<Code> {
    if (typeof value !== 'object' || value === null || !(marker in value)) return false;
    return code === undefined || (value as { readonly code?: unknown }).code === code;
  }
}

/** Throws the coded error for an aborted signal. Every long operation asks this between its steps. */
export function throwIfAborted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted) throw abortedError(signal, doing);
}

/** The coded error for work that `signal` stopped; `cause` is the signal's reason. */
export function abortedError(signal: AbortSignal, doing: string): SsError<'aborted'> {
  return new SsError('aborted', `Aborted while ${doing}.`, { cause: signal.reason });
}
