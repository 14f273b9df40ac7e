/** Memory that is short: for a process in a cgroup that has too little of it. */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";

/** Files of the two versions of cgroups that limit a group's memory. */
const limits = ["memory.limit_in_bytes", "memory.max"];

/** Makes a cgroup that can be limited; `undefined` if this process may make none. */
function makeCgroup(): string | undefined {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const isOfMemory = (line: string): boolean => / - cgroup2 | - cgroup \S+ .*\bmemory\b/.test(line);
  for (const path of mounts.filter(isOfMemory).map((line) => line.split(" ")[4])) {
    try {
      const cgroup = mkdtempSync(`${path}/butter-`);
      if (limits.some((file) => existsSync(`${cgroup}/${file}`))) return cgroup;
      rmdirSync(cgroup);
    } catch {
      // It is read-only, or another user's.
    }
  }
  return undefined;
}

/** Whether memory can be made short here. */
export const canStarve: boolean = (() => {
  const cgroup = makeCgroup();
  if (cgroup !== undefined) rmdirSync(cgroup);
  return cgroup !== undefined;
})();

/** Lets a process read a file again and again that is larger than its memory, until it is disposed. */
export class Shortage implements AsyncDisposable {
  readonly #cgroup: string;
  /** On a disk: what is in memory alone would not fit. */
  readonly #file = `/var/tmp/butter-shortage-${crypto.randomUUID()}`;
  readonly #process: Bun.Subprocess;

  constructor() {
    const cgroup = makeCgroup();
    if (cgroup === undefined) throw new Error("Cannot limit the memory of a cgroup");
    this.#cgroup = cgroup;
    for (const limit of limits.map((file) => `${cgroup}/${file}`))
      if (existsSync(limit)) writeFileSync(limit, `${8 * 2 ** 20}`);
    // It ends with this process, whatever ends that.
    const script =
      'echo $$ > "$1/cgroup.procs"; head -c 32M /dev/zero > "$2"; while kill -0 $PPID; do cat "$2"; done > /dev/null';
    this.#process = Bun.spawn(["sh", "-c", script, "sh", cgroup, this.#file]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    rmSync(this.#file, { force: true });
    // What it started ends a moment later.
    for (let tries = 0; existsSync(this.#cgroup) && tries < 1000; tries++) {
      try {
        rmdirSync(this.#cgroup);
      } catch {
        await Bun.sleep(1);
      }
    }
  }
}
