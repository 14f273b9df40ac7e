/** The process in which the steps of a spawn fail, the last one first: `bun spawn-child.ts`. A line for each. */
import { readdirSync, readFileSync } from "node:fs";

import { OSError, spawn } from "bun-butter";
import { CLONE } from "bun-butter/syscalls";

import { isMusl } from "../support/capabilities.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { refuse, type Syscall } from "../support/seccomp.ts";
import { memoryRoot, whereabouts } from "../support/whereabouts.ts";

const namespaces = ["mount", "uts", "ipc", "net", "pid", "cgroup"] as const;
const flags = CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWNET | CLONE.NEWCGROUP;

const steps: readonly [syscall: Syscall | readonly Syscall[], argument0?: number][] = [
  // With musl a thread is cloned as well, and Bun can't do without another one.
  [isMusl ? ["vfork"] : ["vfork", "clone"]],
  ["umount2"],
  ["pivot_root"],
  ["move_mount"],
  ["mount_setattr"],
  ["open_tree"],
  ["fsmount"],
  ["fsconfig"],
  ["fsopen"],
  ["mount"],
  ["sethostname"],
  ["unshare", flags],
  ["unshare", CLONE.NEWPID],
  ["pidfd_open"],
  ["setns"],
  ["chroot"],
  ["fchdir"],
  ["unshare"],
];

function attempt(cmd: string[]): string {
  try {
    spawn(cmd, {
      namespaces,
      hostname: "box",
      mounts: [...memoryRoot, { type: "proc", target: "/proc" }],
    });
    return "started";
  } catch (error) {
    if (error instanceof OSError) return `${error.name} ${error.code} ${error.syscall}`;
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** What all attempts leave as it is. */
function state(): string {
  const children = readdirSync("/proc/self/task").map((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, "utf8"),
  );
  return JSON.stringify([whereabouts(), descriptorCount(), children.join("")]);
}

// What it opens for good, it has then.
attempt(["/nowhere"]);
const before = state();
const report = (step: string, outcome: string): void =>
  console.log(`${step}: ${outcome}${state() === before ? "" : `, which leaves ${state()}`}`);

report("no such command", attempt(["/nowhere"]));
for (const [syscall, argument0] of steps) {
  refuse(syscall, "EPERM", argument0);
  report([syscall].flat().join(), attempt(["true"]));
}
