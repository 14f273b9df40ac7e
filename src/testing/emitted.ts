/**
 * Which recorded events are meant, and how they are shown.
 *
 * @module
 */
import type { WatchEvent } from "../watch/event.ts";
import { namesOf } from "./tree-content.ts";

/** What an event tells: `"create"`, `"change"`, `"delete"`, `"attributes"`, `"rename"`, `"overflow"` or `"error"`. */
export type EmittedType = WatchEvent["type"];

/** The events of a type. */
export type EmittedEvent<Type extends EmittedType> = WithType<WatchEvent, Type>;

type WithType<Event extends WatchEvent, Type> = Event extends WatchEvent
  ? Type extends Event["type"]
    ? Event
    : never
  : never;

/** Whose event is meant: a path within the tree, `"."` for the tree itself, or what the path matches. */
export type EmittedPath = string | RegExp;

const types: Readonly<Record<EmittedType, true>> = {
  create: true,
  change: true,
  delete: true,
  attributes: true,
  rename: true,
  overflow: true,
  error: true,
};

/** Events that are shown: of more, the last ones are. */
const SHOWN = 50;

/** Tells which events are meant. Checks at once what can be a mistake, because nothing would ever be meant. */
export function matcherOf(type: EmittedType, path?: EmittedPath): (event: WatchEvent) => boolean {
  if (typeof type !== "string" || !Object.hasOwn(types, type)) {
    throw new TypeError(
      `Cannot take type: ${Bun.inspect(type)} is none of ${Object.keys(types).join(", ")}`,
    );
  }
  if (path === undefined) return (event) => event.type === type;
  // Not `test()`, which a global one remembers.
  if (path instanceof RegExp) return (event) => event.type === type && event.path.search(path) >= 0;
  const wanted = namesOf(path).join("/") || ".";
  return (event) => event.type === type && event.path === wanted;
}

/** `create "out.txt"`, as a call has it. */
export function wantedText(type: EmittedType, path?: EmittedPath): string {
  return path === undefined ? type : `${type} ${Bun.inspect(path)}`;
}

/** What did happen, one line for each event. */
export function listOf(events: readonly WatchEvent[]): string {
  if (events.length === 0) return "nothing did";
  const lines = events.slice(-SHOWN).map((event) => `  ${lineOf(event)}`);
  const before = events.length - lines.length;
  const more = before === 0 ? [] : [`  … ${before} before these`];
  return ["what did:", ...more, ...lines].join("\n");
}

function lineOf(event: WatchEvent): string {
  const kind = event.kind === "file" ? "" : ` (${event.kind})`;
  switch (event.type) {
    case "rename":
      return `rename ${event.from} to ${event.path}${kind}`;
    case "error":
      return `error ${event.path}: ${event.error.message}`;
    case "overflow":
      return "overflow";
    default:
      return `${event.type} ${event.path}${kind}`;
  }
}
