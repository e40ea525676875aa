/** Where Node, Deno and Bun ask an object how `console.log` shows it. */
const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * Makes objects of a class print as their `toString()` says, wherever they are shown: what they are, never what is in them,
 * which may be gigabytes. Called in the class's `static` block, because minifiers take its name away.
 */
export function printsItself(constructor: { readonly prototype: object }, name: string): void {
  const { prototype } = constructor;
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(prototype, inspect, {
    value(this: object) {
      return `${name}(${String(this)})`;
    },
    configurable: true,
  });
}
