/** What the cases of fanotify in `ltp-notify.ts` and `ltp-decide.ts` are run with. */
import { spawnSync } from "node:child_process";
import { join, relative } from "node:path";

import type { Fanotify, FanotifyEvent } from "bun-butter";

/** What the cases are run on. */
export const kinds = ["tmpfs", "ext4", "overlayfs"] as const;
export type Kind = (typeof kinds)[number];

/** A file system that a case may do with what it likes. */
export interface Disk {
  readonly kind: Kind;
  /** Where it is mounted. */
  readonly root: string;
  /** The directory that it is made of. */
  readonly outside: string;
  /** A path on it. */
  at(...names: readonly string[]): string;
  /** What another process does there, to its end. */
  sh(script: string): void;
  /** The same, while this process goes on. It resolves with what was printed. */
  start(script: string): Started;
  /** What is told now, a row for each event; none is kept. */
  told(fanotify: Fanotify): string[];
  /** One event: its words, `dir`, and where, from the root. */
  row(event: FanotifyEvent): string;
}

/** Another process. */
export interface Started {
  readonly pid: number;
  readonly output: Promise<string>;
  kill(): Promise<void>;
}

/** A case. */
export interface Case {
  /** Its counterpart in the Linux Test Project. */
  readonly ltp: string;
  /** What is so. */
  readonly title: string;
  /** Where it can be seen: everywhere by default. */
  readonly on?: readonly Kind[];
  /** What it needs beside CAP_SYS_ADMIN, if that is not there. */
  readonly lacks?: string | undefined;
  run(disk: Disk): void | Promise<void>;
}

/** Whether a case can be run on a kind of file system here. */
export function isOn({ on, lacks }: Case, kind: Kind): boolean {
  return lacks === undefined && on?.includes(kind) !== false;
}

/** A disk that is mounted at `root`. */
export function diskOf(kind: Kind, outside: string, root: string): Disk {
  const at = (...names: readonly string[]): string => join(root, ...names);
  const row = (event: FanotifyEvent): string => {
    const { events, isDir, path, oldPath } = event;
    const where = [oldPath, path].flatMap((one) =>
      one === undefined ? [] : relative(root, one) || ".",
    );
    return [[...events].toSorted().join("|"), ...(isDir ? ["dir"] : []), ...where].join(" ");
  };
  return {
    kind,
    root,
    outside,
    at,
    row,
    sh(script) {
      const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd: root });
      if (status !== 0) throw new Error(`${script}: ${String(stderr)}`);
    },
    start(script) {
      const child = Bun.spawn(["sh", "-c", script], {
        cwd: root,
        env: { ...process.env, LC_ALL: "C" },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const texts = [child.stdout.text(), child.stderr.text()];
      return {
        pid: child.pid,
        output: Promise.all(texts).then((parts) => parts.join("").trimEnd()),
        async kill() {
          child.kill("SIGKILL");
          await child.exited;
        },
      };
    },
    told(fanotify) {
      return fanotify.readEventsSync().map((event) => {
        using owned = event;
        return row(owned);
      });
    },
  };
}
