import { SsError } from './errors.ts';
import { showValue } from './options.ts';

/** Tensors made while a scope is open, freed together when it closes. */
export interface Tracked {
  dispose(): void;
}

const open: Set<Tracked>[] = [];

/** Called by every tensor at birth. */
export function track(value: Tracked): void {
  open.at(-1)?.add(value);
}

/** Called by a tensor that was disposed before its scope closed. */
export function untrack(value: Tracked): void {
  for (const scope of open) scope.delete(value);
}

/**
 * Runs `body` and disposes every tensor made inside it but those it returns (a tensor, or arrays and
 * plain objects of tensors). `body` is synchronous: ops only enqueue, so nothing inside needs to wait.
 * What is returned belongs to the scope around it, if there is one.
 * @throws SsError `argument-invalid` when `body` returns a promise
 */
export function scope<T>(body: () => T): T {
  const { value, survivors } = collect(body);
  for (const survivor of survivors) track(survivor);
  return value;
}

/** As {@link scope}; the tensors made inside and returned belong to the caller. */
export function collect<T>(body: () => T): { readonly value: T; readonly survivors: readonly Tracked[] } {
  const made = new Set<Tracked>();
  const survivors: Tracked[] = [];
  if (typeof body !== 'function') {
    throw new SsError('argument-invalid', `A scope or recording takes a function, not ${showValue(body)}.`);
  }
  open.push(made);
  try {
    const value = body();
    if (isThenable(value)) {
      // Nobody else hears of it: what it goes on with was freed, and its failure must not end the process.
      value.then(undefined, () => undefined);
      throw new SsError('argument-invalid', 'The body of a scope or recording must be synchronous.', {
        hint: 'Ops only enqueue: return tensors from it and await what you read from them outside.',
      });
    }
    survivors.push(...tracked(value).filter((kept) => made.delete(kept)));
    return { value, survivors };
  } finally {
    open.pop();
    for (const value of made) value.dispose();
  }
}

/** Every tensor in a value: itself, or inside arrays and plain objects. */
function tracked(value: unknown): Tracked[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(tracked);
  if (isPlain(value)) return Object.values(value).flatMap(tracked);
  return 'dispose' in value && 'storage' in value ? [value as Tracked] : [];
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
