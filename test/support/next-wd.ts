/** Numbers of inotify's watches: the kernel counts to 2^31 before it uses one again, unless it is told where to go on. */
import { dlopen } from "bun:ffi";
import { readFileSync, statSync } from "node:fs";

import { Inotify } from "bun-butter";

import { libcPath } from "../../src/libc.ts";
import { emulated } from "./capabilities.ts";

/** `_IOW('I', 0, __s32)` */
const INOTIFY_IOC_SETNEXTWD = 0x40044900;

const { ioctl } = dlopen(libcPath(), {
  ioctl: { args: ["i32", "u64", "i64"], returns: "i32" },
}).symbols;

/** Lets the next watch of an instance have a number, or the next one that is free. @returns Whether the kernel can do so. */
export function setNextWd(fd: number, wd: number): boolean {
  return ioctl(fd, INOTIFY_IOC_SETNEXTWD, wd) === 0;
}

/** Whether the kernel can be told: Linux 4.16 with CONFIG_CHECKPOINT_RESTORE. */
export const canSetNextWd: boolean = (() => {
  using inotify = new Inotify();
  return !emulated && setNextWd(inotify.fd, 1);
})();

/** The numbers of an instance's watches, by the inodes of what is watched. */
export function wdsOf(fd: number): ReadonlyMap<number, number> {
  const lines = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").matchAll(
    /^inotify wd:([0-9a-f]+) ino:([0-9a-f]+) /gm,
  );
  return new Map(
    [...lines].map(([, wd = "", ino = ""]) => [Number(`0x${ino}`), Number(`0x${wd}`)]),
  );
}

/** The number by which an instance watches a path. */
export function wdOf(fd: number, path: string): number | undefined {
  return wdsOf(fd).get(statSync(path).ino);
}
