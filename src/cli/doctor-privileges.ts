/**
 * Which capabilities this process has, and what each is for.
 *
 * @module
 */
import { CAP, capget } from "../syscalls/index.ts";

const uses = {
  CAP_SYS_ADMIN: "fanotify of mounts and file systems, decisions; mount(); namespaces",
  CAP_DAC_READ_SEARCH: "paths of fanotify's events; watching what may not be read",
  CAP_SYS_CHROOT: "namespaces of mounts; butter run --root",
  CAP_SYS_PTRACE: "descriptors out of other users' processes",
  CAP_KILL: "signals to other users' processes",
  CAP_SYS_RESOURCE: "pressure in any window; pipes of any size; more than a limit",
  CAP_WAKE_ALARM: "timers that wake a suspended machine",
  CAP_SYS_TIME: "clock_settime()",
  CAP_IPC_LOCK: "huge pages of a Memfd",
  CAP_AUDIT_WRITE: "fanotify's decisions in the audit log",
} as const;

/** What root has, and others may be given. */
export type Capability = keyof typeof uses;

/** A capability, and whether this process has it. */
export interface Privilege {
  readonly name: Capability;
  readonly use: string;
  readonly has: boolean;
}

/** All that matter. */
export function privileges(): Privilege[] {
  return Object.entries(uses).map(([name, use]) => ({
    name: name as Capability,
    use,
    has: hasCapability(name as Capability),
  }));
}

/** Whether this process has it now. */
export function hasCapability(name: Capability): boolean {
  const bit = CAP[name.slice("CAP_".length) as keyof typeof CAP];
  return (effective() & (1n << BigInt(bit))) !== 0n;
}

/** None, if a sandbox does not even let that be asked. */
function effective(): bigint {
  try {
    return capget(0).effective;
  } catch {
    return 0n;
  }
}
