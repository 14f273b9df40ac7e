/**
 * What is different between a tree and what it should be.
 *
 * @module
 */
import { nested, OtherEntry, readLevel, textOrBytes, TreeLink } from "./tree-content.ts";

/**
 * What a tree should have in it: as a `TreeContent`, and where a file's text stands there may be a regular expression that it
 * matches, or a matcher such as `expect.stringContaining("x")`.
 */
export interface TreeExpected {
  readonly [path: string]: unknown;
}

/** Whether two values are equal: what the test runner says. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** Characters of a value that are shown. */
const SHOWN = 200;

/** What is different, one line each: missing, not expected, or other than expected. `[]` if nothing is. */
export function differencesOf(
  dir: string,
  expected: TreeExpected,
  equals: Equals,
): readonly string[] {
  return compare(readLevel(dir), nested(expected), equals, "");
}

function compare(
  actual: ReadonlyMap<string, unknown>,
  expected: ReadonlyMap<string, unknown>,
  equals: Equals,
  at: string,
): readonly string[] {
  const names = [...new Set([...actual.keys(), ...expected.keys()])].toSorted();
  return names.flatMap((name) => {
    const path = at + name;
    const is = actual.get(name);
    const should = expected.get(name);
    if (!expected.has(name)) return [`not expected: ${path}${is instanceof Map ? "/" : ""}`];
    if (!actual.has(name)) return [`missing: ${path}${should instanceof Map ? "/" : ""}`];
    if (is instanceof Map && should instanceof Map) return compare(is, should, equals, `${path}/`);
    if (matches(is, should, equals)) return [];
    return [`different: ${path} is ${shown(is)}, expected ${shown(should)}`];
  });
}

function matches(is: unknown, should: unknown, equals: Equals): boolean {
  if (is instanceof Map || should instanceof Map) return false;
  if (is instanceof TreeLink || should instanceof TreeLink) {
    return is instanceof TreeLink && should instanceof TreeLink
      ? is.target === should.target
      : false;
  }
  if (!(is instanceof Uint8Array)) return false;
  if (should instanceof Uint8Array) return Buffer.from(is).equals(should);
  const content = textOrBytes(is);
  // Not `test()`, which a global one remembers.
  if (should instanceof RegExp) return typeof content === "string" && content.search(should) >= 0;
  return equals(content, should);
}

function shown(value: unknown): string {
  if (value instanceof Map) return "a directory";
  if (value instanceof TreeLink) return `a link to ${JSON.stringify(value.target)}`;
  if (value instanceof OtherEntry) return `a ${value.kind}`;
  const plain = value instanceof Uint8Array ? textOrBytes(value) : value;
  const text = typeof plain === "string" ? JSON.stringify(plain) : Bun.inspect(plain);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text;
}
