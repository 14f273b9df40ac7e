/**
 * Options of a file system, given to the kernel one by one, with its own words in the error:
 * {@link https://man7.org/linux/man-pages/man2/fsconfig.2.html | fsconfig(2)}.
 *
 * @module
 */
import { OSError, type OSErrorClass } from "../errors.ts";
import { cstring, described } from "../libc.ts";
import { FSCONFIG, fsconfig, fscontext_read } from "../syscalls/fsconfig.ts";
import { MS } from "../syscalls/mount.ts";

/**
 * Options of a file system by their names: text, a number, bytes of a path that is not UTF-8, `true` for an
 * option without a value, an array for one that is given several times. `false` and `undefined` give none.
 */
export type FileSystemOptions = Readonly<
  Record<string, FileSystemOption | readonly FileSystemOption[] | undefined>
>;

/** The value of one option. */
export type FileSystemOption = string | number | bigint | boolean | Uint8Array;

/** One option as the kernel takes it; `null` for no value. */
export type Setting = readonly [key: string, value: string | Uint8Array | null];

/** Settings of options. */
export function settingsOf(options: FileSystemOptions): readonly Setting[] {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(
      `Cannot take options: expected an object of names and values, got ${described(options)}`,
    );
  return Object.entries(options).flatMap(([key, given]) => {
    if (/[,=\0]/.test(key) || key === "")
      throw new TypeError(`Cannot take options: ${JSON.stringify(key)} is no name of an option`);
    return [given].flat().flatMap((value): Setting[] => {
      if (value === undefined || value === false) return [];
      if (value === true) return [[key, null]];
      if (typeof value === "string" || value instanceof Uint8Array) {
        // Refuses what C would cut.
        cstring(value, `options.${key}`);
        return [[key, value]];
      }
      if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value)))
        return [[key, `${value}`]];
      throw new TypeError(
        `Cannot take options: ${key} is ${described(value)}, not text, a number, bytes or a boolean`,
      );
    });
  });
}

/** The longest value that `fsconfig` takes, in bytes; `mount` takes longer ones. */
const LONGEST = 255;

/** Whether `fsconfig` takes them. */
export function fitContext(settings: readonly Setting[]): boolean {
  return settings.every(([, value]) => value === null || Buffer.byteLength(value) <= LONGEST);
}

/** What a context is set up for, for the message of an error. */
export interface ContextPaths {
  readonly source: string | undefined;
  readonly target: string;
}

/** Gives options, and makes or changes the file system. */
export function configure(
  context: number,
  settings: readonly Setting[],
  command: typeof FSCONFIG.CMD_CREATE | typeof FSCONFIG.CMD_RECONFIGURE,
  paths: ContextPaths,
): void {
  for (const [key, value] of settings) {
    const how = value === null ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING;
    explain(
      context,
      paths,
      () => fsconfig(context, how, key, value, 0),
      `option ${JSON.stringify(key)}, and `,
    );
  }
  explain(context, paths, () => fsconfig(context, command, null, null, 0));
}

/** Errors that the file system has nothing to do with. */
const ofThisProcess: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** Does a step; its error has what the kernel says of it. */
export function explain<T>(
  context: number,
  { source, target }: ContextPaths,
  step: () => T,
  what: string = "",
): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    const words = messages(context);
    if (words.length === 0 && ofThisProcess.has(error.code)) throw error;
    throw new (error.constructor as OSErrorClass)(-error.errno, {
      syscall: "mount",
      path: source ?? target,
      dest: source === undefined ? undefined : target,
      hint: words.length > 0 ? words.join(", ") : `${what}the kernel's log may say why (dmesg)`,
    });
  }
}

/** The most that the kernel keeps of a message, and more. */
const MESSAGE = 4096;

/** Everything that the kernel has said of a context, without the letter and the line's end. */
function messages(context: number): string[] {
  const words: string[] = [];
  try {
    for (;;)
      words.push(
        fscontext_read(context, MESSAGE)
          .replace(/^[ewi] /, "")
          .trimEnd(),
      );
  } catch (error) {
    // ENODATA: that was all.
    if (error instanceof OSError) return words;
    throw error;
  }
}

/** Options that `mount` takes as flags: what they set, and what they clear. */
const asFlags: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  ro: [MS.RDONLY, 0],
  rw: [0, MS.RDONLY],
  sync: [MS.SYNCHRONOUS, 0],
  async: [0, MS.SYNCHRONOUS],
  dirsync: [MS.DIRSYNC, 0],
  lazytime: [MS.LAZYTIME, 0],
  nolazytime: [0, MS.LAZYTIME],
  silent: [MS.SILENT, 0],
};

/** The same options for `mount`: flags, and one text. */
export function classicOptions(settings: readonly Setting[]): {
  readonly flags: number;
  readonly data: Uint8Array | null;
} {
  let flags = 0;
  const parts: Uint8Array[] = [];
  for (const [key, value] of settings) {
    const flag = value === null && Object.hasOwn(asFlags, key) ? asFlags[key] : undefined;
    if (flag !== undefined) {
      flags = (flags & ~flag[1]) | flag[0];
      continue;
    }
    const text =
      value === null
        ? Buffer.from(key)
        : Buffer.concat([Buffer.from(`${key}=`), Buffer.from(value)]);
    if (text.includes(","))
      throw new TypeError(
        `Cannot take options: ${key} has a comma in it, which mount(2) takes for the end`,
      );
    parts.push(parts.length === 0 ? text : Buffer.concat([Buffer.from(","), text]));
  }
  return { flags, data: parts.length === 0 ? null : Uint8Array.from(Buffer.concat(parts)) };
}
