/** Limits of a process and of a user's namespace, which nobody else meets. */
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";

import { can, emulated } from "./capabilities.ts";

/** A namespace's own limit. */
const WATCHES = "/proc/sys/user/max_inotify_watches";

/** Whether a namespace of users can be made that has its own limit of watches. */
export const canLimitWatches: boolean = can("CAP_SYS_ADMIN") && !emulated && existsSync(WATCHES);

/** Limits the watches of this process, which is in a namespace of users of its own, until it is disposed. */
export function limitWatches(count: number): Disposable {
  writeFileSync(WATCHES, `${count}`);
  return { [Symbol.dispose]: () => writeFileSync(WATCHES, "100000") };
}

/** Opens files until this process may open no more, until it is disposed. */
export function useDescriptors(): Disposable {
  const fds: number[] = [];
  try {
    for (;;) fds.push(openSync("/dev/null", "r"));
  } catch {
    // That was the last one.
  }
  return {
    [Symbol.dispose]() {
      for (const fd of fds) closeSync(fd);
    },
  };
}
