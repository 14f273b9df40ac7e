/**
 * Matchers for `expect` of `bun:test`.
 *
 * @module
 */
import type { WatchEvent } from "../watch/event.ts";
import { type EmittedPath, type EmittedType, listOf, matcherOf, wantedText } from "./emitted.ts";
import { Recorder } from "./recorder.ts";
import { TempTree } from "./temp-tree.ts";
import { differencesOf, type Equals, type TreeExpected } from "./tree-difference.ts";

/** What `expect.extend(matchers)` adds to `expect`. */
export interface ButterMatchers {
  /**
   * Passes if an event of this type is among those of a `Recorder`, or of a list such as what `during()` returns.
   *
   * @param path Within the tree; any path if it is left out.
   */
  toHaveEmitted(type: EmittedType, path?: EmittedPath): void;
  /**
   * Passes if a directory, a `TempTree` or its path, has this in it and nothing else. The message says each difference. To leave
   * out the rest, use `expect(dir.tree()).toMatchObject({ … })`.
   */
  toMatchTree(expected: TreeExpected): void;
}

declare module "bun:test" {
  // oxlint-disable-next-line no-unused-vars -- has to be as it is there
  interface Matchers<T> extends ButterMatchers {}
}

/** What a matcher says. */
interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
}

/**
 * Matchers for `expect.extend`: in a test file, or for all of them in one that `bunfig.toml` preloads (`[test] preload`). Nothing is loaded
 * of `bun:test` itself. The types are there as soon as this module is imported anywhere.
 *
 * @example
 * ```ts
 * import { expect } from "bun:test";
 *
 * import { matchers, record, tempTree } from "bun-butter/testing";
 *
 * expect.extend(matchers);
 *
 * await using dir = await tempTree({ "in.txt": "hello" });
 * await using rec = await record(dir.path);
 * await Bun.$`cp in.txt out.txt`.cwd(dir.path);
 * expect(rec).toHaveEmitted("create", "out.txt");
 * expect(rec).not.toHaveEmitted("delete");
 * expect(dir).toMatchTree({ "in.txt": "hello", "out.txt": /^hel/ });
 * ```
 */
export const matchers = {
  toHaveEmitted(received: unknown, type: EmittedType, path?: EmittedPath): Verdict {
    const events = eventsOf(received);
    const pass = events.some(matcherOf(type, path));
    const what = wantedText(type, path);
    return {
      pass,
      message: () =>
        pass
          ? `expected nothing to tell of ${what}, and ${listOf(events)}`
          : `expected something to tell of ${what}, and ${listOf(events)}`,
    };
  },

  toMatchTree(
    this: { readonly equals: Equals },
    received: unknown,
    expected: TreeExpected,
  ): Verdict {
    const path = received instanceof TempTree ? received.path : received;
    if (typeof path !== "string" || path === "")
      throw new TypeError(`Cannot match ${Bun.inspect(received)}: expected a TempTree or a path`);
    const differences = differencesOf(path, expected, (a, b) => this.equals(a, b));
    return {
      pass: differences.length === 0,
      message: () =>
        differences.length === 0
          ? `expected ${path} to be otherwise, and it is just so`
          : `expected ${path} to be otherwise:\n${differences.map((line) => `  ${line}`).join("\n")}`,
    };
  },
};

function eventsOf(received: unknown): readonly WatchEvent[] {
  if (received instanceof Recorder) return received.events;
  if (Array.isArray(received)) return received as readonly WatchEvent[];
  throw new TypeError(`Cannot match ${Bun.inspect(received)}: expected a Recorder or its events`);
}
