/**
 * Tries out what the kernel has, and says why something is not there.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { release } from "node:os";

import { OSError } from "../index.ts";
import { sysctl } from "../libc.ts";
import { type Capability, hasCapability } from "./doctor-privileges.ts";
import type { Probe } from "./doctor-probe.ts";
import { probes } from "./doctor-probes.ts";

/** What has become of a probe; what each means says the help. */
export type FeatureState = "ok" | "old" | "needs" | "refused" | "missing" | "limit" | "unknown";

/** A feature, and whether it is there. */
export interface Feature {
  readonly name: string;
  readonly use: string;
  readonly state: FeatureState;
  /** The kernel that it came with. */
  readonly since: string;
  /** Whether most of butter is of no use without it. */
  readonly core: boolean;
  /** Why it is not there, and what to do. */
  readonly why?: string;
}

/** Tries out everything. */
export function features(): Feature[] {
  return [...probes.map(featureOf), userNamespaces()];
}

function featureOf(probe: Probe): Feature {
  const { name, use, since, core = false, attempt } = probe;
  const feature = { name, use, since: since.join("."), core };
  try {
    attempt();
    return { ...feature, state: "ok" };
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    return { ...feature, ...verdict(probe, error) };
  }
}

type Verdict = Pick<Feature, "state" | "why">;

function verdict({ since, needs, isOfRoot = false }: Probe, { code, message }: OSError): Verdict {
  if (LIMITS.has(code)) return { state: "limit", why: message };
  if (olderThan(since)) return { state: "old", why: `it needs Linux ${since.join(".")}` };
  if (code === "EPERM" || code === "EACCES") return notAllowed(code, needs);
  if (code === "ENOSYS" && filtered()) return { state: "refused", why: SANDBOX(code) };
  if (isOfRoot && NOT_THERE.has(code))
    return { state: "missing", why: `the file system of / cannot name its files (${code})` };
  return { state: "missing", why: `this kernel was made or started without it (${code})` };
}

function notAllowed(code: string, needs: Capability | undefined): Verdict {
  if (needs !== undefined && !hasCapability(needs))
    return { state: "needs", why: `it needs ${needs}, which root has` };
  if (filtered()) return { state: "refused", why: SANDBOX(code) };
  const why =
    needs !== undefined && nested()
      ? `${needs} counts in the first user namespace alone, and this is another`
      : `a container or security module refuses it (${code})`;
  return { state: "refused", why };
}

/** Whether this process is in a user namespace that was made: the first one maps all there are. */
function nested(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
  } catch {
    return false;
  }
}

const LIMITS: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOSPC", "EAGAIN", "ENOMEM"]);

/** What a file system answers that can't name its files, such as overlayfs without nfs_export. */
const NOT_THERE: ReadonlySet<string> = new Set(["EOPNOTSUPP", "ENODEV", "EXDEV"]);

const SANDBOX = (code: string): string =>
  `a sandbox refuses it (${code}): allow it in the seccomp filter that this process runs under`;

function olderThan([major, minor]: Probe["since"]): boolean {
  const [has = 0, point = 0] = release().split(".").map(Number);
  return has < major || (has === major && point < minor);
}

/** Whether this thread has a seccomp filter. */
function filtered(): boolean {
  try {
    return /^Seccomp:\s*2$/m.test(readFileSync("/proc/thread-self/status", "utf8"));
  } catch {
    return false;
  }
}

/** Only a process of one thread can make one, and this has many: so one is asked to. */
function userNamespaces(): Feature {
  const feature = {
    name: "user namespaces",
    use: "mounts and namespaces without root, in a child",
    since: "3.8",
    core: false,
  };
  const unshare = Bun.which("unshare");
  if (unshare === null)
    return { ...feature, state: "unknown", why: "there is no unshare (util-linux) to try it with" };
  const { exitCode } = Bun.spawnSync([unshare, "-U", "true"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  if (exitCode === 0) return { ...feature, state: "ok" };
  const most = sysctl("user.max_user_namespaces");
  if (most === "0")
    return { ...feature, state: "missing", why: "user.max_user_namespaces is 0: raise it" };
  return {
    ...feature,
    state: "refused",
    why: `${filtered() ? "a seccomp filter" : "a container or security module"} refuses it, or a setting such as kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns`,
  };
}
