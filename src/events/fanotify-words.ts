/**
 * Fanotify's events by name, and what each of them needs.
 *
 * @module
 */
import { described, uint64 } from "../libc.ts";
import { FAN, FAN_REPORTED } from "../syscalls/fanotify.ts";

const words = {
  access: FAN.ACCESS,
  modify: FAN.MODIFY,
  attrib: FAN.ATTRIB,
  "close-write": FAN.CLOSE_WRITE,
  "close-nowrite": FAN.CLOSE_NOWRITE,
  open: FAN.OPEN,
  "moved-from": FAN.MOVED_FROM,
  "moved-to": FAN.MOVED_TO,
  create: FAN.CREATE,
  delete: FAN.DELETE,
  "delete-self": FAN.DELETE_SELF,
  "move-self": FAN.MOVE_SELF,
  "open-exec": FAN.OPEN_EXEC,
  "fs-error": FAN.FS_ERROR,
  "open-perm": FAN.OPEN_PERM,
  "access-perm": FAN.ACCESS_PERM,
  "open-exec-perm": FAN.OPEN_EXEC_PERM,
  "pre-access": FAN.PRE_ACCESS,
  "mnt-attach": FAN.MNT_ATTACH,
  "mnt-detach": FAN.MNT_DETACH,
  rename: FAN.RENAME,
} as const;

const groups = { close: FAN.CLOSE, move: FAN.MOVE } as const;

/** What happened: the FAN_ name in kebab-case. `"q-overflow"` stands for events that were lost. */
export type FanotifyWord = keyof typeof words | "q-overflow";

/** What can be asked for: one of the words, or `"close"` and `"move"` for both of a pair. */
export type FanotifyAsked = keyof typeof words | keyof typeof groups;

/** Events to ask for: a word, several, or a mask of `FAN` members. */
export type FanotifyEvents = FanotifyAsked | Iterable<FanotifyAsked> | bigint;

/** Events that wait for a decision. */
export const DECIDED = FAN.OPEN_PERM | FAN.ACCESS_PERM | FAN.OPEN_EXEC_PERM | FAN.PRE_ACCESS;

/** Events of mounts. */
export const MOUNTS = FAN.MNT_ATTACH | FAN.MNT_DETACH;

/** Events that only reports by handle have. */
export const BY_HANDLE =
  FAN.ATTRIB |
  FAN.CREATE |
  FAN.DELETE |
  FAN.DELETE_SELF |
  FAN.MOVE |
  FAN.MOVE_SELF |
  FAN.RENAME |
  FAN.FS_ERROR;

/** Events that tell where a directory went. */
export const SEES_RENAMES = FAN.RENAME | FAN.MOVED_FROM;

/** Flags of a mask that say how, and are no event. */
export const HOW = FAN.EVENT_ON_CHILD | FAN.ONDIR;

/** Which kernel brought an event, if 5.1 did not have it. */
export const SINCE: readonly (readonly [mask: bigint, kernel: string])[] = [
  [FAN.FS_ERROR, "5.16"],
  [FAN.RENAME, "5.17"],
  [FAN.PRE_ACCESS, "6.14"],
  [MOUNTS, "6.15"],
];

/**
 * The mask of what is asked for.
 *
 * @throws {TypeError} There is no event of that name. @throws {RangeError} No mask of 64 bits.
 */
export function maskOf(events: FanotifyEvents): bigint {
  if (typeof events === "bigint") return uint64(events, "events");
  const asked = typeof events === "string" ? [events] : events;
  if (typeof asked !== "object" || asked === null || !(Symbol.iterator in asked)) {
    throw new TypeError(
      `Cannot take events: expected words or a bigint mask, got ${described(events)}`,
    );
  }
  let mask = 0n;
  for (const word of asked) {
    const bits = lookup(words, word) ?? lookup(groups, word);
    if (bits === undefined)
      throw new TypeError(`Cannot take events: ${String(word)} is no event of fanotify`);
    mask |= bits;
  }
  return mask;
}

function lookup(table: Readonly<Record<string, bigint>>, word: string): bigint | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** As numbers, which all bits so far fit into. */
const bits = Object.entries({ ...words, "q-overflow": FAN_REPORTED.Q_OVERFLOW }).map(
  ([word, bit]) => [word as FanotifyWord, Number(bit)] as const,
);

const setsOf = new Map<number, ReadonlySet<FanotifyWord>>();

/** The words of a mask; sets of the same words are one. */
export function wordsOf(mask: number): ReadonlySet<FanotifyWord> {
  let set = setsOf.get(mask);
  if (set === undefined) {
    set = new Set(bits.filter(([, bit]) => (mask & bit) !== 0).map(([word]) => word));
    setsOf.set(mask, set);
  }
  return set;
}

/** A mask in words, for messages. */
export function listOf(mask: bigint): string {
  return [...wordsOf(Number(BigInt.asUintN(32, mask)))].join(", ");
}
