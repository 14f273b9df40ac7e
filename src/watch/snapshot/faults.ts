/**
 * What is wrong with a snapshot: it comes out of a file, which anybody may have cut off or changed. What its names lead to is what its
 * events are about.
 *
 * @module
 */
import type { WatchKind } from "../event.ts";
import type { SnapshotTree } from "./snapshot.ts";

type Fields = Readonly<Record<string, unknown>>;

const kinds: Readonly<Record<WatchKind, true>> = {
  file: true,
  directory: true,
  symlink: true,
  other: true,
};

/** Entries of a directory that are gathered without a stop. */
const STEP = 64;

/** What is still to be looked at, and how it is called. */
interface Part {
  readonly tree: unknown;
  readonly path: string;
}

/**
 * Looks for what is wrong. It stops again and again, so that others may do something meanwhile.
 *
 * @returns What is wrong, or `undefined`.
 */
export function* faultsOf(snapshot: unknown): Generator<void, string | undefined, void> {
  if (typeof snapshot === "string")
    return "it is text and no snapshot: JSON.parse() makes one of what JSON.stringify() made of it";
  if (!isObject(snapshot)) return `it is ${named(snapshot)} and no snapshot`;
  const { version, path, tree } = snapshot;
  if (version === undefined) return "it has no version, and so is no snapshot";
  if (version !== 1)
    return `its version is ${JSON.stringify(version) ?? named(version)}, and this library reads version 1`;
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    return `its path is ${JSON.stringify(path) ?? named(path)}`;
  if (tree === undefined) return undefined;
  const parts: Part[] = [{ tree, path }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const fault = faultOf(part);
    if (fault !== undefined) return fault;
    const { entries = {} } = part.tree as SnapshotTree;
    for (const key of Object.keys(entries)) {
      if (parts.length % STEP === 0) yield;
      if (!isName(key))
        return `in ${JSON.stringify(part.path)} is ${JSON.stringify(key)}, which is no name`;
      parts.push({
        tree: entries[key],
        path: part.path.endsWith("/") ? part.path + key : `${part.path}/${key}`,
      });
    }
    yield;
  }
  return undefined;
}

/** What is wrong with one entry, but for what is below it. */
function faultOf({ tree, path }: Part): string | undefined {
  if (!isObject(tree)) return `what it says of ${JSON.stringify(path)} is ${named(tree)}`;
  const { stat, entries } = tree;
  if (!isStat(stat)) return `the stat of ${JSON.stringify(path)} is not five texts`;
  const [kind] = stat;
  if (!Object.hasOwn(kinds, kind))
    return `the kind of ${JSON.stringify(path)} is ${JSON.stringify(kind)}`;
  if (entries === undefined) return undefined;
  if (!isObject(entries)) return `the entries of ${JSON.stringify(path)} are ${named(entries)}`;
  if (kind === "directory" || Object.keys(entries).length === 0) return undefined;
  return `${JSON.stringify(path)} has entries, and is no directory`;
}

function isStat(value: unknown): value is readonly [string, string, string, string, string] {
  return (
    Array.isArray(value) && value.length === 5 && value.every((each) => typeof each === "string")
  );
}

/** Whether it can be the name of an entry. Behind a NUL are bytes. */
function isName(key: string): boolean {
  const name = key.startsWith("\0") ? key.slice(1) : key;
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return false;
  return name.length === key.length || /^[\0-\xff]*$/.test(name);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function named(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  return Array.isArray(value)
    ? "an array"
    : typeof value === "object"
      ? "an object"
      : `a ${typeof value}`;
}
