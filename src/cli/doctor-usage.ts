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
  /** How many more there are, whose descriptors can't be seen. */
  hidden: number;
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
    hidden: 0,
  };
  const pipes = new Set<string>();
  const pids = tried(() => readdirSync("/proc"), []).filter((name) => /^\d+$/.test(name));
  for (const [at, pid] of pids.entries()) {
    progress.at(at, pids.length);
    if (tried(() => statSync(`/proc/${pid}`).uid, -1) !== uid) continue;
    const fds = tried(() => readdirSync(`/proc/${pid}/fd`), undefined);
    // The kernel's own have none.
    if (fds?.length === 0) continue;
    const links = (fds ?? []).map((fd) =>
      tried(() => readlinkSync(`/proc/${pid}/fd/${fd}`), undefined),
    );
    // In another user namespace they are listed, and not for us.
    if (links.some((link) => link !== undefined)) usage.processes++;
    else usage.hidden++;
    for (const [index, link] of links.entries()) {
      if (link === undefined) continue;
      if (link.startsWith("pipe:")) pipes.add(link);
      else count(usage, link, `/proc/${pid}/fdinfo/${fds?.[index]}`);
    }
  }
  usage.pipes = pipes.size;
  return usage;
}

function count(usage: Usage, link: string, info: string): void {
  // Some kinds have brackets, some have none.
  const kind = /^anon_inode:\[?(\w+)\]?$/.exec(link)?.[1];
  const lines = (pattern: RegExp): number =>
    tried(() => readFileSync(info, "utf8"), "").match(pattern)?.length ?? 0;
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
