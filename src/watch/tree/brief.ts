/**
 * Code that runs some ten thousand times and then hardly ever again.
 *
 * @module
 */
import { noFTL } from "bun:jsc";

const known = new WeakSet<object>();

/**
 * Lets functions be compiled quickly and not for the greatest speed: while a large tree is read, the engine's last tier takes more of
 * a processor in its own threads than its code saves.
 */
export function brief(...functions: readonly ((...args: never[]) => unknown)[]): void {
  for (const one of functions) {
    if (known.has(one)) continue;
    known.add(one);
    noFTL(one as (...args: unknown[]) => unknown);
  }
}

/** What a class computes when it is asked for. */
export function gettersOf(Class: { readonly prototype: object }): (() => unknown)[] {
  const properties = Object.values(Object.getOwnPropertyDescriptors(Class.prototype));
  return properties.flatMap(({ get }) => (get === undefined ? [] : [get]));
}
