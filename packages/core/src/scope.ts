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
 */
export function scope<T>(body: () => T): T {
  const made = new Set<Tracked>();
  open.push(made);
  let kept: T | undefined;
  try {
    kept = body();
    return kept;
  } finally {
    open.pop();
    const survivors = new Set(tracked(kept));
    for (const value of made) {
      if (survivors.has(value)) track(value);
      else value.dispose();
    }
  }
}

/** Every tensor in a value: itself, or inside arrays and plain objects. */
export function tracked(value: unknown): Tracked[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(tracked);
  if (isPlain(value)) return Object.values(value).flatMap(tracked);
  return 'dispose' in value && 'storage' in value ? [value as Tracked] : [];
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
