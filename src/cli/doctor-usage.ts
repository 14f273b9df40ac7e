/**
 * What the processes of this user have open, counted in /proc.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

import type { Progress } from "./progress.ts";

/** How many of each there are. */
export interface Usage {
  inotifyInstances: number;
  inotifyWatches: number;
  fanotifyGroups: number;
  fanotifyMarks: number;
  epollWatches: number;
  pipes: number;
  /** How many processes were counted. */
  processes: number;
}

/** Counts what all processes of this user have. One that ends meanwhile counts as far as it was seen. */
export function usageOf(uid: number, progress: Progress): Usage {
  const usage: Usage = {
    inotifyInstances: 0,
    inotifyWatches: 0,
    fanotifyGroups: 0,
    fanotifyMarks: 0,
    epollWatches: 0,
    pipes: 0,
    processes: 0,
  };
  const pipes = new Set<string>();
  const pids = tried(() => readdirSync("/proc"), []).filter((name) => /^\d+$/.test(name));
  for (const [at, pid] of pids.entries()) {
    progress.at(at, pids.length);
    if (tried(() => statSync(`/proc/${pid}`).uid, -1) !== uid) continue;
    usage.processes++;
    for (const fd of tried(() => readdirSync(`/proc/${pid}/fd`), []))
      count(usage, pipes, `/proc/${pid}`, fd);
  }
  usage.pipes = pipes.size;
  return usage;
}

function count(usage: Usage, pipes: Set<string>, process: string, fd: string): void {
  const link = tried(() => readlinkSync(`${process}/fd/${fd}`), "");
  if (link.startsWith("pipe:")) pipes.add(link);
  if (!link.startsWith("anon_inode:")) return;
  const kind = link.slice("anon_inode:".length).replace(/^\[(.*)\]$/, "$1");
  const lines = (pattern: RegExp): number =>
    tried(() => readFileSync(`${process}/fdinfo/${fd}`, "utf8"), "").match(pattern)?.length ?? 0;
  if (kind === "inotify") {
    usage.inotifyInstances++;
    usage.inotifyWatches += lines(/^inotify wd:/gm);
  } else if (kind === "fanotify") {
    usage.fanotifyGroups++;
    usage.fanotifyMarks += lines(/^fanotify (?!flags:)/gm);
  } else if (kind === "eventpoll") {
    usage.epollWatches += lines(/^tfd:/gm);
  }
}

/** What /proc says, or something else if it is gone or not for us. */
function tried<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
