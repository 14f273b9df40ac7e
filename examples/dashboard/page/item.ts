/** A line of the history: what of an event is shown, and where it is searched. */
import type { Change, Doer, Notice, Signal, Touch } from "../wire.ts";

export const KINDS = ["change", "touch", "signal", "notice"] as const;
export type Kind = (typeof KINDS)[number];

/** What colour a line has. */
export type Tone = "good" | "bad" | "write" | "move" | "calm" | "signal" | "warn";

export interface Item {
  readonly kind: Kind;
  readonly time: number;
  readonly tone: Tone;
  /** In a word. */
  readonly what: string;
  /** The kernel's own words. */
  readonly title: string;
  /** The tree's name, where there are several. */
  readonly root: string;
  readonly rootIndex: number | undefined;
  /** As the server has them, for questions. */
  readonly path: string;
  readonly oldPath: string;
  /** The directories, and the name. */
  readonly directory: string;
  readonly name: string;
  readonly from: string;
  readonly who: string;
  readonly pid: number | undefined;
  /** What a filter looks at, in lower case. */
  readonly text: string;
}

const changeTones: Readonly<Record<Change["what"], Tone>> = {
  create: "good",
  delete: "bad",
  change: "write",
  rename: "move",
  attributes: "calm",
};

/** The call that a signal was sent by. */
const senders: Readonly<Record<string, string>> = {
  USER: "kill",
  QUEUE: "sigqueue",
  TKILL: "tgkill",
  KERNEL: "the kernel",
};

/** The first of them that is in the set says what a touch was. */
const touchWords: readonly (readonly [word: string, what: string, tone: Tone])[] = [
  ["delete", "delete", "bad"],
  ["rename", "rename", "move"],
  ["create", "create", "good"],
  ["modify", "write", "write"],
  ["close-write", "write", "write"],
  ["open-exec", "run", "signal"],
  ["attrib", "attributes", "calm"],
  ["open", "open", "calm"],
];

/** @param roots The trees' paths. */
export function itemOf(event: Change | Touch | Signal | Notice, roots: readonly string[]): Item {
  const { type: kind, time } = event;
  if (event.type === "notice") return noticeOf(event.text, time);
  const who = doerText(event.who);
  const pid = event.who?.pid;
  if (event.type === "signal") {
    const { signal, code, uid } = event;
    const name = `by ${senders[code] ?? code.toLowerCase()}, user ${uid}`;
    return finished({ ...nothing, kind, time, tone: "signal", what: signal, name, who, pid });
  }
  const path = printable(event.path === "" ? "." : event.path);
  const cut = path.lastIndexOf("/") + 1;
  const [what, tone] = whatOf(event);
  return finished({
    kind,
    time,
    tone,
    what,
    title: event.type === "touch" ? event.what.join(", ") : `${event.what}, ${event.kind}`,
    root: roots.length > 1 ? labelOf(roots[event.root] ?? "") : "",
    rootIndex: event.root,
    path: event.path,
    oldPath: event.from ?? "",
    directory: path.slice(0, cut),
    name: path.slice(cut) + (event.type === "change" && event.kind === "directory" ? "/" : ""),
    from: event.from === undefined ? "" : printable(event.from),
    who,
    pid,
  });
}

/** A line of the page itself. */
export function noticeOf(text: string, time: number = Date.now()): Item {
  return finished({ ...nothing, kind: "notice", time, tone: "warn", what: "notice", name: text });
}

/** `bash 1234` */
export function doerText(who: Doer | undefined): string {
  return who === undefined ? "" : `${printable(who.name ?? "process")} ${who.pid}`;
}

/** The last part of a tree's path. */
export function labelOf(root: string): string {
  return printable(root.slice(root.lastIndexOf("/") + 1) || "/");
}

type Unfinished = Omit<Item, "text">;

const nothing = {
  title: "",
  root: "",
  rootIndex: undefined,
  path: "",
  oldPath: "",
  directory: "",
  from: "",
  who: "",
  pid: undefined,
} as const;

function finished(item: Unfinished): Item {
  const { what, title, root, directory, name, from, who } = item;
  return {
    ...item,
    text: `${what} ${title} ${root} ${directory}${name} ${from} ${who}`.toLowerCase(),
  };
}

function whatOf(event: Change | Touch): readonly [what: string, tone: Tone] {
  if (event.type === "change") return [event.what, changeTones[event.what]];
  const found = touchWords.find(([word]) => event.what.includes(word));
  return found === undefined ? ["touch", "calm"] : [found[1], found[2]];
}

/** A name may hold anything: what would move or hide the text around it is written as in a program. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    return escaped === character ? `\\u{${character.codePointAt(0)?.toString(16)}}` : escaped;
  });
}
