/**
 * One event of {@linkcode Inotify}.
 *
 * @module
 */
import { IN, IN_REPORTED } from "../syscalls/inotify.ts";
import type { Name } from "./names.ts";

/** A watch of an inode. */
export interface InotifyWatch {
  /** Watch descriptor. */
  readonly wd: number;
  /** The path it was last watched by, as given. */
  readonly path: string;
  /** The {@linkcode IN} events and flags that are in force. */
  readonly mask: number;
}

/** A bit of an event's mask by name. */
export type InotifyFlag =
  | "ACCESS"
  | "MODIFY"
  | "ATTRIB"
  | "CLOSE_WRITE"
  | "CLOSE_NOWRITE"
  | "OPEN"
  | "MOVED_FROM"
  | "MOVED_TO"
  | "CREATE"
  | "DELETE"
  | "DELETE_SELF"
  | "MOVE_SELF"
  | "UNMOUNT"
  | "Q_OVERFLOW"
  | "IGNORED"
  | "ISDIR";

const bits: Readonly<Record<InotifyFlag, number>> = {
  ACCESS: IN.ACCESS,
  MODIFY: IN.MODIFY,
  ATTRIB: IN.ATTRIB,
  CLOSE_WRITE: IN.CLOSE_WRITE,
  CLOSE_NOWRITE: IN.CLOSE_NOWRITE,
  OPEN: IN.OPEN,
  MOVED_FROM: IN.MOVED_FROM,
  MOVED_TO: IN.MOVED_TO,
  CREATE: IN.CREATE,
  DELETE: IN.DELETE,
  DELETE_SELF: IN.DELETE_SELF,
  MOVE_SELF: IN.MOVE_SELF,
  ...IN_REPORTED,
};

const entries = Object.entries(bits) as [InotifyFlag, number][];
const flagsOf = new Map<number, readonly InotifyFlag[]>();

function decodeFlags(mask: number): readonly InotifyFlag[] {
  let flags = flagsOf.get(mask);
  if (flags === undefined) {
    flags = Object.freeze(entries.filter(([, bit]) => (mask & bit) !== 0).map(([flag]) => flag));
    flagsOf.set(mask, flags);
  }
  return flags;
}

/** An {@linkcode InotifyEvent} as plain data. */
export interface InotifyEventData {
  readonly wd: number;
  readonly mask: number;
  readonly flags: readonly InotifyFlag[];
  readonly cookie: number;
  readonly name: string;
  readonly path: string;
}

/** What happened to a watched inode, or to an entry of a watched directory. Immutable. */
export class InotifyEvent {
  readonly #wd: number;
  readonly #mask: number;
  readonly #cookie: number;
  readonly #name: Name;
  readonly #watch: InotifyWatch | undefined;

  constructor(
    wd: number,
    mask: number,
    cookie: number,
    name: Name,
    watch: InotifyWatch | undefined,
  ) {
    this.#wd = wd;
    this.#mask = mask;
    this.#cookie = cookie;
    this.#name = name;
    this.#watch = watch;
  }

  /** The watch descriptor, -1 for an overflow. */
  get wd(): number {
    return this.#wd;
  }

  /** `IN` and `IN_REPORTED` bits, those of newer kernels as well. */
  get mask(): number {
    return this.#mask;
  }

  /** Connects the two halves of a rename, else 0. */
  get cookie(): number {
    return this.#cookie;
  }

  /** The entry's name, `""` if the event is about the watched inode itself. Bytes that are not UTF-8 are U+FFFD. */
  get name(): string {
    return this.#name.text;
  }

  /** A copy of the exact bytes of a name that is not UTF-8, else `undefined`. */
  get nameBytes(): Uint8Array | undefined {
    return this.#name.bytes?.slice();
  }

  /** The path as it was given to `watch`, joined with the name. `""` for an overflow. */
  get path(): string {
    const directory = this.#watch?.path;
    const name = this.#name.text;
    if (directory === undefined || name === "") return directory ?? name;
    return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
  }

  /** The mask in words, the event first: `["CREATE", "ISDIR"]`. */
  get flags(): readonly InotifyFlag[] {
    return decodeFlags(this.#mask);
  }

  /** A file was read, or executed. */
  get isAccess(): boolean {
    return (this.#mask & IN.ACCESS) !== 0;
  }

  /** A file was written or truncated. */
  get isModify(): boolean {
    return (this.#mask & IN.MODIFY) !== 0;
  }

  /** Metadata changed. */
  get isAttrib(): boolean {
    return (this.#mask & IN.ATTRIB) !== 0;
  }

  /** A file that was open for writing was closed. */
  get isCloseWrite(): boolean {
    return (this.#mask & IN.CLOSE_WRITE) !== 0;
  }

  /** A file or directory that was not open for writing was closed. */
  get isCloseNowrite(): boolean {
    return (this.#mask & IN.CLOSE_NOWRITE) !== 0;
  }

  /** A file or directory was closed. */
  get isClose(): boolean {
    return (this.#mask & IN.CLOSE) !== 0;
  }

  /** A file or directory was opened. */
  get isOpen(): boolean {
    return (this.#mask & IN.OPEN) !== 0;
  }

  /** An entry was renamed away. */
  get isMovedFrom(): boolean {
    return (this.#mask & IN.MOVED_FROM) !== 0;
  }

  /** An entry was renamed to here. */
  get isMovedTo(): boolean {
    return (this.#mask & IN.MOVED_TO) !== 0;
  }

  /** Half of a rename. */
  get isMove(): boolean {
    return (this.#mask & IN.MOVE) !== 0;
  }

  /** An entry was made. */
  get isCreate(): boolean {
    return (this.#mask & IN.CREATE) !== 0;
  }

  /** An entry was deleted. */
  get isDelete(): boolean {
    return (this.#mask & IN.DELETE) !== 0;
  }

  /** The watched inode was deleted. */
  get isDeleteSelf(): boolean {
    return (this.#mask & IN.DELETE_SELF) !== 0;
  }

  /** The watched inode was renamed. */
  get isMoveSelf(): boolean {
    return (this.#mask & IN.MOVE_SELF) !== 0;
  }

  /** The event is about a directory. The kernel doesn't say so of `DELETE_SELF` and `MOVE_SELF`. */
  get isDir(): boolean {
    return (this.#mask & IN_REPORTED.ISDIR) !== 0;
  }

  /** The kernel's queue was full, and events were lost. */
  get isOverflow(): boolean {
    return (this.#mask & IN_REPORTED.Q_OVERFLOW) !== 0;
  }

  /** The watch is gone: it was ignored, its inode deleted, or its file system unmounted. */
  get isIgnored(): boolean {
    return (this.#mask & IN_REPORTED.IGNORED) !== 0;
  }

  /** The file system was unmounted. */
  get isUnmount(): boolean {
    return (this.#mask & IN_REPORTED.UNMOUNT) !== 0;
  }

  /** Plain data, for JSON and for other threads. */
  toJSON(): InotifyEventData {
    const { wd, mask, flags, cookie, name, path } = this;
    return { wd, mask, flags, cookie, name, path };
  }

  get [Symbol.toStringTag](): string {
    return "InotifyEvent";
  }

  /** `InotifyEvent { flags: [ "CREATE" ], path: "dir/file", … }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    const { flags, path, name, wd, mask, cookie, nameBytes } = this;
    const shown = { flags, path, name, ...(nameBytes && { nameBytes }), wd, mask, cookie };
    return `InotifyEvent ${inspect(shown, options)}`;
  }
}
