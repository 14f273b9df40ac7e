/** Where this thread is, for tests that leave and must be back. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";

import type { SpawnMount } from "bun-butter";
import { gethostname } from "bun-butter/syscalls";

import { can, emulated } from "./capabilities.ts";

/** Whether namespaces can be made and entered here. */
export const canLeave: boolean = can("CAP_SYS_ADMIN") && can("CAP_SYS_CHROOT") && !emulated;

const names = ["mnt", "uts", "ipc", "net", "pid", "pid_for_children", "cgroup", "user"];

/** A line of what another test mounts in a temporary directory of its own, and unmounts when it likes. */
const ofOthers = /^tmpfs \S*\/butter-[^/ ]+ tmpfs /;

/** The namespaces of this thread, its root and working directory, the machine's name, what is mounted. */
export function whereabouts(): readonly string[] {
  return [
    ...names.map((name) => readlinkSync(`/proc/thread-self/ns/${name}`)),
    readlinkSync("/proc/thread-self/root"),
    readlinkSync("/proc/thread-self/cwd"),
    gethostname(),
    ...readFileSync("/proc/thread-self/mounts", "utf8")
      .split("\n")
      .filter((line) => !ofOthers.test(line)),
  ];
}

/** What a root needs for the programs of this machine, bound read-only. */
export const programs: readonly SpawnMount[] = ["/bin", "/lib", "/lib64", "/usr"]
  .filter((path) => existsSync(path))
  .map((path) => ({ source: path, target: path, flags: ["ro"] }));

/** A root in memory with the programs of this machine. */
export const memoryRoot: readonly SpawnMount[] = [
  { type: "tmpfs", target: "/", options: { mode: "755" } },
  ...programs,
];
