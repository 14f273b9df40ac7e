/**
 * The kinds of namespaces, and what the kernel calls them.
 *
 * @module
 */
import { CLONE } from "../syscalls/namespace.ts";

/** A kind of namespace. */
export type NamespaceKind = "cgroup" | "ipc" | "mount" | "net" | "pid" | "time" | "user" | "uts";

/** What the kernel calls a kind. */
export interface KernelNames {
  /** In `/proc/PID/ns`. */
  readonly file: string;
  /** There, of what the thread's children get: not the thread's own for those kinds that it can't leave. */
  readonly forChildren: string;
  /** The `CLONE` member. */
  readonly flag: number;
}

/** What the kernel calls each kind. */
export const KINDS: Readonly<Record<NamespaceKind, KernelNames>> = {
  cgroup: { file: "cgroup", forChildren: "cgroup", flag: CLONE.NEWCGROUP },
  ipc: { file: "ipc", forChildren: "ipc", flag: CLONE.NEWIPC },
  mount: { file: "mnt", forChildren: "mnt", flag: CLONE.NEWNS },
  net: { file: "net", forChildren: "net", flag: CLONE.NEWNET },
  pid: { file: "pid", forChildren: "pid_for_children", flag: CLONE.NEWPID },
  time: { file: "time", forChildren: "time_for_children", flag: CLONE.NEWTIME },
  user: { file: "user", forChildren: "user", flag: CLONE.NEWUSER },
  uts: { file: "uts", forChildren: "uts", flag: CLONE.NEWUTS },
};

/** The names of the kernel for a kind, or an error that lists the kinds. */
export function kernelNames(kind: NamespaceKind): KernelNames {
  if (typeof kind === "string" && Object.hasOwn(KINDS, kind)) return KINDS[kind];
  const known = Object.keys(KINDS).join(", ");
  throw new TypeError(`Cannot take kind: ${Bun.inspect(kind)} is none of ${known}`);
}
