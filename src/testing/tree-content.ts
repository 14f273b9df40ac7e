/**
 * Trees of files as plain objects.
 *
 * @module
 */
import {
  type Dirent,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { described } from "../libc.ts";

/** A symbolic link in a {@linkcode TreeContent}: {@linkcode link} makes one. */
export class TreeLink {
  /** The path that it leads to. */
  readonly target: string;

  constructor(target: string) {
    if (typeof target !== "string" || target === "" || target.includes("\0"))
      throw new TypeError(`Cannot take target: ${Bun.inspect(target)} is not a path`);
    this.target = target;
  }
}

/** A symbolic link to this target, for a {@linkcode TreeContent}: `{ "latest": link("v2") }`. */
export function link(target: string): TreeLink {
  return new TreeLink(target);
}

/** What has a name in a tree: a file's text or bytes, a symbolic link, or a directory. */
export type TreeEntry = string | Uint8Array | TreeLink | TreeContent;

/**
 * What is in a directory, by name: `{ "a.txt": "text", "src/": { "main.ts": "" } }`. A name may be a path, `"src/main.ts"`,
 * and may end in `/` if it is a directory's.
 */
export interface TreeContent {
  readonly [path: string]: TreeEntry;
}

/** The names that a path within a tree has, in order. */
export function namesOf(path: string): readonly string[] {
  if (typeof path !== "string")
    throw new TypeError(`Cannot take path: expected a string, got ${described(path)}`);
  if (path.includes("\0"))
    throw new TypeError(`Cannot take path: ${JSON.stringify(path)} has a NUL in it`);
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (path.startsWith("/") || names.includes(".."))
    throw new RangeError(
      `Cannot take path: ${JSON.stringify(path)} leads out of the tree, and paths are relative to it`,
    );
  return names;
}

export function isDirectory(entry: unknown): entry is Readonly<Record<string, unknown>> {
  const prototype: unknown =
    typeof entry === "object" && entry !== null ? Object.getPrototypeOf(entry) : undefined;
  return prototype === Object.prototype || prototype === null;
}

/** One level for each directory, in objects that no name of a file means anything to. */
export function nested<Leaf>(
  content: Readonly<Record<string, unknown>>,
  at: string = "",
): Map<string, Leaf | Map<string, Leaf>> {
  if (!isDirectory(content))
    throw new TypeError(`Cannot take a tree: expected an object, got ${Bun.inspect(content)}`);
  const top = new Map<string, unknown>();
  for (const [path, entry] of Object.entries(content)) {
    const names = namesOf(path);
    const shown = `${at}${path}`;
    const last = names.at(-1);
    if (last === undefined)
      throw new TypeError(`Cannot take path: ${JSON.stringify(shown)} names nothing in the tree`);
    if (path.endsWith("/") && !isDirectory(entry))
      throw new TypeError(`Cannot take ${JSON.stringify(shown)}: a directory's is an object`);
    let level = top;
    for (const name of names.slice(0, -1)) level = below(level, name, shown);
    if (!isDirectory(entry)) {
      if (level.has(last)) throw twice(shown);
      level.set(last, entry);
      continue;
    }
    merge(below(level, last, shown), nested(entry, `${shown.replace(/\/$/, "")}/`), shown);
  }
  return top as Map<string, Leaf | Map<string, Leaf>>;
}

function below(level: Map<string, unknown>, name: string, shown: string): Map<string, unknown> {
  const known = level.get(name) ?? new Map<string, unknown>();
  if (!(known instanceof Map)) throw twice(shown);
  level.set(name, known);
  return known as Map<string, unknown>;
}

function merge(into: Map<string, unknown>, from: Map<string, unknown>, shown: string): void {
  for (const [name, entry] of from) {
    if (entry instanceof Map) merge(below(into, name, shown), entry, shown);
    else if (into.has(name)) throw twice(shown);
    else into.set(name, entry);
  }
}

function twice(shown: string): TypeError {
  return new TypeError(`Cannot take ${JSON.stringify(shown)}: something else has that name`);
}

/** A tree, one level for each directory. */
export type Level = ReadonlyMap<string, string | Uint8Array | TreeLink | Level>;

/** A tree that can be planted: what is in it is checked. */
export function levelOf(content: TreeContent): Level {
  const level = nested(content) as Level;
  check(level, "");
  return level;
}

function check(level: Level, at: string): void {
  for (const [name, entry] of level) {
    if (entry instanceof Map) check(entry as Level, `${at}${name}/`);
    else if (
      typeof entry !== "string" &&
      !(entry instanceof Uint8Array) &&
      !(entry instanceof TreeLink)
    )
      throw new TypeError(
        `Cannot take ${JSON.stringify(at + name)}: expected text, bytes, link() or an object, got ${Bun.inspect(entry)}`,
      );
  }
}

/** Makes what a tree has in it, below a directory that is there. */
export function plant(dir: string, level: Level): void {
  for (const [name, entry] of level) {
    const path = join(dir, name);
    if (entry instanceof TreeLink) symlinkSync(entry.target, path);
    else if (typeof entry === "string" || entry instanceof Uint8Array) writeFileSync(path, entry);
    else {
      mkdirSync(path, { recursive: true });
      plant(path, entry);
    }
  }
}

/** Writes one file, or adds to its end, and makes the directories that it is in. */
export function plantFile(path: string, content: string | Uint8Array, flag: "w" | "a" = "w"): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { flag });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A file's text, or its bytes if they are no text. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}

/** What is in a directory: files as bytes; what is no file, directory or link by the word for it. */
export function readLevel(dir: string): Map<string, unknown> {
  const entries = readdirSync(dir, { withFileTypes: true });
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(sorted.map((entry) => [entry.name, readEntry(join(dir, entry.name), entry)]));
}

function readEntry(path: string, entry: Dirent): unknown {
  if (entry.isDirectory()) return readLevel(path);
  if (entry.isSymbolicLink()) return new TreeLink(readlinkSync(path));
  // Nobody may be at the other end of a pipe.
  return entry.isFile() ? new Uint8Array(readFileSync(path)) : new OtherEntry(entry);
}

/** A pipe, a socket or a device. */
export class OtherEntry {
  readonly kind: string;

  constructor(entry: Dirent) {
    this.kind = entry.isFIFO() ? "pipe" : entry.isSocket() ? "socket" : "device";
  }
}

/** A level as a plain object, with text where bytes are text. What is no file, directory or link is left out. */
export function contentOf(level: ReadonlyMap<string, unknown>): TreeContent {
  const entries = [...level].flatMap(([name, entry]): [string, TreeEntry][] => {
    if (entry instanceof Map) return [[name, contentOf(entry)]];
    if (entry instanceof Uint8Array) return [[name, textOrBytes(entry)]];
    return entry instanceof TreeLink ? [[name, entry]] : [];
  });
  return Object.fromEntries(entries);
}
