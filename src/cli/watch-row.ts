/**
 * What `butter watch` watches, and what a row says of one of its events.
 *
 * @module
 */
import { statSync } from "node:fs";

import { IN, type Inotify, type InotifyEvent, OSError } from "../index.ts";
import type { Colour, Row } from "./format.ts";

/** One path of the command line. */
interface Root {
  /** Its exact bytes, if it is not UTF-8. */
  readonly bytes: Uint8Array | undefined;
  readonly directory: boolean;
}

/** The paths that are watched, by watch descriptor. */
export class Roots {
  readonly #roots = new Map<number, Root>();

  /**
   * Watches one more path.
   *
   * @returns `false` if it is watched already, by this path or another one.
   * @throws What {@linkcode Inotify.watch} throws.
   */
  add(inotify: Inotify, path: string | Uint8Array, mask: number): boolean {
    let wd: number;
    try {
      wd = inotify.watch(path, mask | IN.MASK_CREATE);
    } catch (error) {
      if (error instanceof OSError && error.code === "EEXIST") return false;
      throw error;
    }
    const name = typeof path === "string" ? path : Buffer.from(path);
    const directory = statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
    this.#roots.set(wd, { bytes: typeof path === "string" ? undefined : path, directory });
    return true;
  }

  /** `"2 directories and 1 file"` */
  toString(): string {
    const all = [...this.#roots.values()];
    const directories = all.filter(({ directory }) => directory).length;
    const files = all.length - directories;
    const parts = [
      directories === 1 ? "1 directory" : `${directories} directories`,
      files === 1 ? "1 file" : `${files} files`,
    ];
    return parts.filter((part) => !part.startsWith("0 ")).join(" and ");
  }

  row(event: InotifyEvent): Row {
    const { nameBytes } = event;
    const root = this.#roots.get(event.wd);
    // Of what is watched itself, the kernel doesn't always say that it is a directory.
    const directory = event.isDir || (event.name === "" && root?.directory === true);
    const bytes =
      root?.bytes === undefined && nameBytes === undefined ? undefined : pathBytes(event, root);
    const subject = bytes ?? event.path;
    return {
      words: wordsOf(event),
      get brief() {
        return wordsOf(event).filter((word) => word !== "ISDIR");
      },
      subject,
      suffix: directory && subject.at(-1) !== "/" && subject.at(-1) !== SLASH ? "/" : undefined,
      colour: colourOf(event),
      get data() {
        const { path, name, wd, mask, cookie } = event;
        return {
          flags: wordsOf(event),
          path,
          name,
          directory,
          wd,
          mask,
          cookie,
          ...(bytes && { pathBytes: [...bytes] }),
          ...(nameBytes && { nameBytes: [...nameBytes] }),
        };
      },
    };
  }
}

/** The event's words. The queue's overflow goes without its Q here. */
function wordsOf(event: InotifyEvent): readonly string[] {
  return event.isOverflow ? OVERFLOW : event.flags;
}

const OVERFLOW: readonly string[] = ["OVERFLOW"];
const SLASH = "/".charCodeAt(0);
const encoder = new TextEncoder();

function pathBytes(event: InotifyEvent, root: Root | undefined): Uint8Array {
  const { name, nameBytes } = event;
  const end = nameBytes ?? encoder.encode(name);
  // The event's path without its name is the root as text, which is exact unless there are bytes.
  const text = (): string => event.path.slice(0, event.path.length - name.length);
  const start = root?.bytes ?? encoder.encode(text());
  const slash = end.length > 0 && start.at(-1) !== SLASH ? [SLASH] : [];
  return new Uint8Array([...start, ...slash, ...end]);
}

function colourOf(event: InotifyEvent): Colour {
  if (event.isOverflow || event.isIgnored || event.isUnmount) return "magenta";
  if (event.isCreate || event.isMovedTo) return "green";
  if (event.isDelete || event.isDeleteSelf || event.isMovedFrom || event.isMoveSelf) return "red";
  if (event.isModify || event.isCloseWrite) return "yellow";
  return event.isAttrib ? "cyan" : "grey";
}
