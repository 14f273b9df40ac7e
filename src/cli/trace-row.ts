/**
 * What a row says of one event of `butter trace`.
 *
 * @module
 */
import type { FanotifyEvent, FanotifyWord } from "../index.ts";
import type { Colour, Row } from "./format.ts";
import { type Doer, doerData, leadOf } from "./process-name.ts";

/** One event, and who did it. */
export function traceRow(event: FanotifyEvent, doer: Doer): Row {
  const { isDir } = event;
  const [events, brief] = wordsOf(event.events);
  const path = pathOf(event);
  const renamed = event.events.has("rename");
  const oldPath = event.oldPathBytes ?? event.oldPath ?? "?";
  return {
    lead: leadOf(doer),
    words: isDir ? [...brief, "ISDIR"] : brief,
    brief,
    subject: renamed ? arrow(oldPath, path) : path,
    columns: renamed ? [oldPath, path] : [path],
    suffix: isDir && path !== "/" ? "/" : undefined,
    colour: colourOf(event),
    get data() {
      const { pathBytes, oldPathBytes, nameBytes, name } = event;
      return {
        ...doerData(doer),
        events,
        path: event.path,
        oldPath: event.oldPath,
        name,
        directory: isDir,
        missing: event.missing.path,
        ...(pathBytes && { pathBytes: [...pathBytes] }),
        ...(oldPathBytes && { oldPathBytes: [...oldPathBytes] }),
        ...(nameBytes && { nameBytes: [...nameBytes] }),
      };
    },
  };
}

/** The order in which things happen to a file, as far as a set has one. */
const ORDER: readonly FanotifyWord[] = [
  "q-overflow",
  "create",
  "moved-to",
  "rename",
  "open",
  "open-exec",
  "access",
  "modify",
  "attrib",
  "close-write",
  "close-nowrite",
  "moved-from",
  "move-self",
  "delete",
  "delete-self",
];

type Words = readonly [events: readonly FanotifyWord[], shown: readonly string[]];

/** There are few sets, and each is one object. */
const known = new Map<ReadonlySet<FanotifyWord>, Words>();

function wordsOf(set: ReadonlySet<FanotifyWord>): Words {
  let words = known.get(set);
  if (words === undefined) {
    const events = ORDER.filter((word) => set.has(word));
    words = [events, events.map(wordOf)];
    known.set(set, words);
  }
  return words;
}

/** As `butter watch` spells it. */
function wordOf(word: FanotifyWord): string {
  return word === "q-overflow" ? "OVERFLOW" : word.replaceAll("-", "_").toUpperCase();
}

/** The path, or what is known of it. */
function pathOf(event: FanotifyEvent): string | Uint8Array {
  const path = event.pathBytes ?? event.path;
  if (path !== undefined) return path;
  if (event.isOverflow) return "";
  const name = event.nameBytes ?? event.name ?? "";
  return name.length === 0 ? "?" : Buffer.concat([Buffer.from("?/"), Buffer.from(name)]);
}

function arrow(from: string | Uint8Array, to: string | Uint8Array): Uint8Array {
  return Buffer.concat([from, " -> ", to].map((part) => Buffer.from(part)));
}

const colours: readonly (readonly [colour: Colour, words: readonly FanotifyWord[]])[] = [
  ["magenta", ["q-overflow"]],
  ["red", ["delete", "delete-self", "moved-from", "move-self"]],
  ["green", ["create", "moved-to", "rename"]],
  ["yellow", ["modify", "close-write"]],
  ["cyan", ["attrib"]],
];

function colourOf({ events }: FanotifyEvent): Colour {
  return colours.find(([, words]) => words.some((word) => events.has(word)))?.[0] ?? "grey";
}
