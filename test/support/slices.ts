/** What is told in slices, between which the event loop turns. */
import { setImmediate as turn } from "node:timers/promises";

import type { Watcher, WatchEvent } from "bun-butter";

import { FanotifyBacklog } from "../../src/watch/backend/fanotify-backlog.ts";
import { FanotifyBackend } from "../../src/watch/backend/fanotify.ts";
import { Engine } from "../../src/watch/engine/engine.ts";

/** What is told by now, without a look at what else is there. */
export async function toldBy(watcher: Watcher): Promise<WatchEvent[]> {
  return watcher.queued === 0 ? [] : await watcher.readEvents();
}

/** All that is told, and in how many turns of the event loop. */
export async function heard(
  watcher: Watcher,
  isMeant: (event: WatchEvent) => boolean = () => true,
): Promise<{ told: WatchEvent[]; turns: number }> {
  const told: WatchEvent[] = [];
  let turns = 0;
  const synced = watcher.sync().then(() => "synced");
  do {
    const events = (await toldBy(watcher)).filter(isMeant);
    told.push(...events);
    if (events.length > 0) turns++;
  } while ((await Promise.race([synced, turn()])) !== "synced");
  told.push(...watcher.readEventsSync().filter(isMeant));
  return { told, turns };
}

/** Those that something was put into, until it is disposed. */
export function backlogs(): { readonly used: ReadonlySet<FanotifyBacklog> } & Disposable {
  const used = new Set<FanotifyBacklog>();
  const { prototype } = FanotifyBacklog;
  const { add } = prototype;
  prototype.add = function (...args): void {
    used.add(this);
    add.apply(this, args);
  };
  return { used, [Symbol.dispose]: () => (prototype.add = add) };
}

/**
 * Lets the time for what was read ahead be always up, until it is disposed.
 *
 * @param always Also for who wants all of it.
 */
export function hurried(always: boolean = false): Disposable {
  const { prototype } = FanotifyBackend;
  const { decode } = prototype;
  prototype.decode = function (buffer, length, sink, limit): boolean {
    // Who wants all of it has no limit.
    const isWhole = limit === Infinity && !always;
    return decode.call(this, buffer, length, sink, isWhole ? Infinity : -Infinity);
  };
  return {
    [Symbol.dispose]() {
      prototype.decode = decode;
    },
  };
}

/** The same for what is looked at when nothing is left to read. It counts how often something was left of that. */
export function shortOfTime(): { left: number } & Disposable {
  const { prototype } = Engine;
  const { emptied } = prototype;
  const counted = { left: 0, [Symbol.dispose]: () => void (prototype.emptied = emptied) };
  prototype.emptied = function (at, isQuiet, limit): void {
    emptied.call(this, at, isQuiet, limit === Infinity ? Infinity : -Infinity);
    if (this.isUnfinished) counted.left++;
  };
  return counted;
}

/** Reads one buffer of a directory in a turn of the event loop, and counts how often that was not all of one in which something happened. */
export function slowly(): { left: number } & Disposable {
  const { prototype } = Engine;
  const { prepare, read } = prototype;
  prototype.prepare = function (...args): boolean {
    const isRead = prepare.apply(this, args);
    if (!isRead) counted.left++;
    return isRead;
  };
  prototype.read = function (limit): void {
    read.call(this, limit === Infinity ? Infinity : -Infinity);
  };
  const counted = {
    left: 0,
    [Symbol.dispose]: () => {
      prototype.prepare = prepare;
      prototype.read = read;
    },
  };
  return counted;
}

/** Lets the time for what left and does not come back be always up, until it is disposed; but for who wants all of it. */
export function brieflyExpired(): Disposable {
  const { prototype } = Engine;
  const { expire } = prototype;
  prototype.expire = function (before, limit): boolean {
    return expire.call(this, before, limit === undefined ? undefined : -Infinity);
  };
  return { [Symbol.dispose]: () => void (prototype.expire = expire) };
}
