/**
 * Whether a thread may have a processor for itself, and whether others want it.
 *
 * @module
 */
import { builtin } from "../libc.ts";
import { isLimit } from "./disk/errors.ts";

/** Where control groups say how much of the processors their processes get: those of version 2, the same beside version 1, and version 1. */
const LIMITS = [
  ["", "cpu.max"],
  ["/unified", "cpu.max"],
  ["/cpu", "cpu.cfs_quota_us"],
] as const;

/** What a thread knows of them. */
export interface Processors {
  /** Whether there is another one for everybody else, and no control group that counts how long this process has one. */
  readonly isOneSpare: boolean;
  /** How long this thread has waited for one up to now, while others had them, in milliseconds. */
  waited(): number;
}

let isSpare: boolean | undefined;

/** Those of this machine. */
export const processors: Processors = {
  /** It is looked at once, and again as long as nothing can be opened for that. */
  get isOneSpare() {
    try {
      return (isSpare ??= navigator.hardwareConcurrency > 1 && !isLimited());
    } catch {
      return false;
    }
  },
  waited() {
    try {
      const text = builtin("node:fs").readFileSync("/proc/thread-self/schedstat", "latin1");
      return Number(text.split(" ")[1]) / 1e6;
    } catch {
      // Some kernels don't count that, and now nothing may be open any more.
      return 0;
    }
  },
};

/**
 * Whether a control group that this process is in, or one above that, limits the time of its processes.
 *
 * @throws {Error} `EMFILE`, `ENFILE`, `ENOMEM`: that can't be found out now.
 */
function isLimited(): boolean {
  const { readFileSync } = builtin("node:fs");
  const read = (path: string): string => {
    try {
      return readFileSync(path, "latin1").trim();
    } catch (error) {
      if (isLimit((error as NodeJS.ErrnoException).code ?? "")) throw error;
      return "";
    }
  };
  const groups = new Set<string>();
  for (const line of read("/proc/self/cgroup").split("\n")) {
    const names = line.replace(/^[^:]*:[^:]*:/, "").split("/");
    // In a container it may be named from outside: its own is the uppermost that is seen then.
    for (; names.length > 0; names.pop()) groups.add(names.join("/").replace(/\/$/, ""));
  }
  // "-1" and "max" are no limit.
  return [...groups].some((group) =>
    LIMITS.some(([version, file]) => /^\d/.test(read(`/sys/fs/cgroup${version}${group}/${file}`))),
  );
}
