/** Whether a process has a processor to spare: on this machine, and where it is told otherwise. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

import { processors } from "../../src/watch/processors.ts";

const source = JSON.stringify(`${import.meta.dir}/../../src/watch/processors.ts`);

const asked = `
  const { processors } = await import(${source});
  console.log(processors.isOneSpare);
`;

/** Prints the number of the first processor that a shell may use. */
const FIRST = 'taskset -cp $$ | sed "s/.*: *\\([0-9]*\\).*/\\1/"';

/** What a process says that is started by a script, of which `"$@"` is that. */
function saidBy(script: string, cgroup: string = "", program: string = asked): string {
  const cmd = ["sh", "-c", script, cgroup, process.execPath, "-e", program];
  const { stdout, stderr } = Bun.spawnSync(cmd);
  return stdout.toString().trim() + stderr.toString();
}

/** A new control group whose time can be limited, and the file that does it. */
function makeCgroup(): { readonly cgroup: string; readonly limit: string } | undefined {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  for (const mount of mounts.filter((line) => / - cgroup2? /.test(line))) {
    try {
      const cgroup = mkdtempSync(`${mount.split(" ")[4]}/butter-`);
      for (const file of ["cpu.max", "cpu.cfs_quota_us"]) {
        const limit = `${cgroup}/${file}`;
        if (existsSync(limit)) return { cgroup, limit };
      }
      rmdirSync(cgroup);
    } catch {
      // It is read-only, or another user's.
    }
  }
  return undefined;
}

const canLimit = ((): boolean => {
  const made = makeCgroup();
  if (made !== undefined) rmdirSync(made.cgroup);
  return made !== undefined;
})();

test.skipIf(Bun.which("taskset") === null)(
  "none if it may use one processor only (needs taskset)",
  () => {
    expect(saidBy(`exec taskset -c "$(${FIRST})" "$@"`)).toBe("false");
  },
);

test.skipIf(!canLimit)(
  "none in a control group that limits its time, or below one (needs cgroups that may be written)",
  () => {
    const { cgroup, limit } = makeCgroup() ?? { cgroup: "", limit: "" };
    const below = mkdtempSync(`${cgroup}/butter-`);
    const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    try {
      // As it is outside of it: it says no limit of its own.
      for (const each of [cgroup, below])
        expect(saidBy(enter, each)).toBe(`${processors.isOneSpare}`);
      writeFileSync(limit, limit.endsWith("max") ? "150000 100000" : "150000");
      for (const each of [cgroup, below]) expect(saidBy(enter, each)).toBe("false");
    } finally {
      rmdirSync(below);
      rmdirSync(cgroup);
    }
  },
);

test("none as long as no file can be opened that says so", () => {
  const support = JSON.stringify(`${import.meta.dir}/../support/limited.ts`);
  const limited = `
    const { useDescriptors } = await import(${support});
    const { processors } = await import(${source});
    {
      using _ = useDescriptors();
      console.log(processors.isOneSpare);
    }
    console.log(processors.isOneSpare);
  `;
  const said = saidBy('ulimit -n 100; exec "$@"', "", limited).split("\n");
  expect(said).toEqual(["false", `${processors.isOneSpare}`]);
});

test.skipIf(Bun.which("taskset") === null || !existsSync("/proc/thread-self/schedstat"))(
  "counts how long this thread waited for one (needs taskset, /proc/thread-self/schedstat)",
  () => {
    const waits = `
      const { processors } = await import(${source});
      const before = processors.waited();
      while (processors.waited() === before);
      console.log(processors.waited() > before);
    `;
    const busy = `taskset -c "$(${FIRST})" sh -c 'while kill -0 $PPID; do :; done' 2> /dev/null &`;
    expect(saidBy(`${busy} exec taskset -c "$(${FIRST})" "$@"`, "", waits)).toBe("true");
  },
);
