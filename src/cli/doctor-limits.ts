/**
 * The limits that butter's users meet, and how much of each is used.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

import { sysctl, userLimit } from "../libc.ts";
import type { Usage } from "./doctor-usage.ts";

/** A limit. */
export interface Limit {
  readonly name: string;
  /** Whose it is. */
  readonly of: "user" | "process" | "system" | "source" | "mounts";
  /** `Infinity` if there is none, `undefined` if it can't be read. */
  readonly limit: number | undefined;
  /** `undefined` if nobody tells. */
  readonly used: number | undefined;
  /** What happens when it is reached. */
  readonly effect: string;
  /** What to do about it. */
  readonly raise: string;
  /** Whether that is soon. */
  readonly near: boolean;
}

/** From which part on a limit is nearly reached. */
const NEAR = 0.9;

/** Here 0 is that there is none. */
const PIPE_PAGES_LIMIT = "fs.pipe-user-pages-soft";

/** How many pages a pipe has, unless it was asked to have more. */
const PIPE_PAGES = 16;

/** All limits. */
export function limits(usage: Usage): Limit[] {
  const user = (of: string, used: number | undefined, effect: string): Limit => {
    const { name } = userLimit(of);
    return limitOf("user", name, numberOf(name), used, effect);
  };
  const system = (name: string, used: number | undefined, effect: string): Limit =>
    limitOf("system", name, numberOf(name), used, effect);
  const source = (name: string): Limit =>
    limitOf("source", name, numberOf(name), undefined, "events are lost, and an overflow tells so");
  const [openFiles] = numbers("/proc/sys/fs/file-nr");
  return [
    user(
      "fs.inotify.max_user_instances",
      usage.inotifyInstances,
      "EMFILE: use one Inotify for many paths",
    ),
    user(
      "fs.inotify.max_user_watches",
      usage.inotifyWatches,
      "ENOSPC: leave out directories with ignore",
    ),
    source("fs.inotify.max_queued_events"),
    user(
      "fs.fanotify.max_user_groups",
      usage.fanotifyGroups,
      "EMFILE: use one Fanotify for many marks",
    ),
    user(
      "fs.fanotify.max_user_marks",
      usage.fanotifyMarks,
      "ENOSPC: mark a file system instead of its directories",
    ),
    source("fs.fanotify.max_queued_events"),
    user("fs.epoll.max_user_watches", usage.epollWatches, "ENOSPC: wait for fewer descriptors"),
    user(
      PIPE_PAGES_LIMIT,
      usage.pipes * PIPE_PAGES,
      "new pipes have room for two pages: close some",
    ),
    descriptors(),
    system("fs.file-max", openFiles, "ENFILE: somebody leaks descriptors"),
    system("fs.aio-max-nr", numberOf("fs.aio-nr"), "a thread waits instead: slower, but works"),
    system("kernel.pid_max", tasks(), "EAGAIN: no more processes and threads"),
    limitOf(
      "mounts",
      "fs.mount-max",
      numberOf("fs.mount-max"),
      lines("/proc/self/mountinfo"),
      "ENOSPC: no more mounts in this namespace",
    ),
  ];
}

function limitOf(
  of: Limit["of"],
  name: string,
  limit: number | undefined,
  used: number | undefined,
  effect: string,
  raise: string = raisedBy(name, limit),
): Limit {
  const near = limit !== undefined && used !== undefined && used >= limit * NEAR;
  return { name, of, limit, used, effect, raise, near };
}

function raisedBy(name: string, limit: number | undefined): string {
  const command = `sysctl -w ${name}=${limit === undefined ? "N" : Math.max(limit, 1) * 2}`;
  if (name.startsWith("user.")) return `${command}, in this namespace of users`;
  return `${command}, and in /etc/sysctl.d to keep it`;
}

/** The descriptors of this process. */
function descriptors(): Limit {
  const [, soft, hard] = /^Max open files\s+(\w+)\s+(\w+)/m.exec(text("/proc/self/limits")) ?? [];
  const limit = soft === undefined ? undefined : amountOf(soft);
  const raise =
    soft === hard
      ? "LimitNOFILE= of systemd, or nofile in /etc/security/limits.conf: it is the hard limit"
      : `ulimit -n ${hard}`;
  const effect = "EMFILE: close what is not needed, with using";
  return limitOf("process", "ulimit -n", limit, open(), effect, raise);
}

function open(): number | undefined {
  try {
    // One is what reads the directory.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

/** Processes and threads: `/proc/loadavg` has how many run, a slash, and all. */
function tasks(): number | undefined {
  const all = /\d\/(\d+)/.exec(text("/proc/loadavg"))?.[1];
  return all === undefined ? undefined : Number(all);
}

/** A sysctl. */
function numberOf(name: string): number | undefined {
  const value = sysctl(name);
  if (value === "0" && name === PIPE_PAGES_LIMIT) return Infinity;
  return /^\d+$/.test(value) ? amountOf(value) : undefined;
}

/** What is more than can be counted is no limit. */
function amountOf(value: string): number {
  const amount = Number(value);
  return Number.isSafeInteger(amount) ? amount : Infinity;
}

function numbers(path: string): number[] {
  return [...text(path).matchAll(/\d+/g)].map(([number]) => Number(number));
}

function lines(path: string): number | undefined {
  const content = text(path);
  return content === "" ? undefined : content.split("\n").length - 1;
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
