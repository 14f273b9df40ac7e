/**
 * What a row says of an event of `butter watch`.
 *
 * @module
 */
import type { WatchEvent, WatchStats } from "../index.ts";
import type { Colour, Row } from "./format.ts";

const colours: Readonly<Record<WatchEvent["type"], Colour>> = {
  create: "green",
  change: "yellow",
  delete: "red",
  rename: "cyan",
  attributes: "grey",
  overflow: "magenta",
  error: "magenta",
};

/**
 * The row of an event.
 *
 * @param withStats Whether the columns of what is known of the entry are there, if need be empty.
 */
export function watchRow(event: WatchEvent, withStats: boolean): Row {
  const { type, kind, stats } = event;
  const [path, from] = pathsOf(event);
  return {
    words: [type],
    subject: from === undefined ? path : arrow(from, path),
    columns: [
      path,
      kind,
      ...(from !== undefined || withStats ? [from ?? ""] : []),
      ...(withStats ? statColumns(stats) : []),
    ],
    suffix: suffixOf(event, path),
    colour: colours[type],
    get data() {
      return dataOf(event);
    },
  };
}

/** Its path, and of a rename the one before: exact, as bytes if it is not UTF-8. */
export function pathsOf(
  event: WatchEvent,
): readonly [path: string | Uint8Array, from?: string | Uint8Array] {
  const path = event.pathBytes ?? event.path;
  return event.type === "rename" ? [path, event.fromBytes ?? event.from] : [path];
}

function arrow(from: string | Uint8Array, to: string | Uint8Array): string | Uint8Array {
  if (typeof from === "string" && typeof to === "string") return `${from} → ${to}`;
  return Buffer.concat([Buffer.from(from), Buffer.from(" → "), Buffer.from(to)]);
}

const SLASH = "/".charCodeAt(0);

function suffixOf({ type, kind, stats }: WatchEvent, path: string | Uint8Array): string {
  if (type === "overflow") return "";
  const endsInSlash = path.at(-1) === "/" || path.at(-1) === SLASH;
  const mark =
    kind === "directory" ? (endsInSlash ? "" : "/") : kind === "file" ? "" : ` (${kind})`;
  return stats === undefined ? mark : `${mark}  ${modeOf(stats)} ${stats.size} B`;
}

function statColumns(stats: WatchStats | undefined): readonly string[] {
  if (stats === undefined) return ["", "", ""];
  return [`${stats.size}`, modeOf(stats), new Date(stats.mtimeMs).toISOString()];
}

/** Permissions, as chmod has them. */
function modeOf({ mode }: WatchStats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** The event as JSON has it. */
function dataOf(event: WatchEvent): Readonly<Record<string, unknown>> {
  const { type, path, kind, pid, stats, pathBytes } = event;
  return {
    type,
    path,
    kind,
    ...(event.type === "rename" && { from: event.from }),
    ...(pid !== undefined && { pid }),
    ...(stats && {
      stats: { ...stats, size: exact(stats.size), ino: exact(stats.ino) },
    }),
    ...(event.type === "error" && { error: errorData(event.error) }),
    ...(pathBytes && { pathBytes: [...pathBytes] }),
    ...(event.type === "rename" && event.fromBytes && { fromBytes: [...event.fromBytes] }),
  };
}

function errorData(error: (WatchEvent & { type: "error" })["error"]): unknown {
  const { code, errno, syscall, path, message } = error;
  return { code, errno, syscall, path, message };
}

/** A number, or text where a reader's numbers would not be exact. */
function exact(value: bigint): number | string {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : `${value}`;
}
