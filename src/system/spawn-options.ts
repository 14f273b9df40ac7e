/**
 * What a child is to find around it: the options of `spawn`, and what follows from them.
 *
 * @module
 */
import { checkNames, type OptionNames } from "../events/options.ts";
import { cstring, described } from "../libc.ts";
import { CLONE } from "../syscalls/namespace.ts";
import { type FileSystemOptions, settingsOf } from "./mount-context.ts";
import { flagBits, type MountFlag } from "./mount-flags.ts";
import { kernelNames, type NamespaceKind } from "./namespace-kinds.ts";
import { Namespace } from "./namespace.ts";

/** A kind of namespace that {@linkcode spawn} can make: user and time namespaces take a process with one thread. */
export type SpawnNamespace = Exclude<NamespaceKind, "time" | "user">;

/** What is mounted for a child, where it alone sees it. */
export interface SpawnMount {
  /**
   * Where, as the child sees it. A directory or file that is not there is made. `"/"`, which has to be the first of all,
   * makes it the root.
   */
  readonly target: string;
  /** A type of file system such as `"tmpfs"` or `"proc"`. Without it `source` is bound, with what is mounted below. */
  readonly type?: string;
  /** The file or directory to bind, as this process sees it; or what the file system calls its source. */
  readonly source?: string;
  /**
   * Options of the file system: `{ size: "64m", mode: "755" }`.
   *
   * @default {}
   */
  readonly options?: FileSystemOptions;
  /**
   * What the mount allows: `["ro", "nosuid"]`. Of what is bound it holds for all that is mounted below, and takes Linux 5.12.
   *
   * @default []
   */
  readonly flags?: readonly MountFlag[];
}

const mountNames: OptionNames<SpawnMount> = {
  target: true,
  type: true,
  source: true,
  options: true,
  flags: true,
};

/** What {@linkcode spawn} takes beside the options of `Bun.spawn`. */
export interface SpawnNamespaceOptions {
  /**
   * The namespaces that the child is in: a kind for a new one, or a {@linkcode Namespace} to join, which stays the caller's. They take
   * `CAP_SYS_ADMIN`, and a mount namespace `CAP_SYS_CHROOT`.
   */
  readonly namespaces?: readonly (SpawnNamespace | Namespace)[];
  /** What the machine is called there. It takes `"uts"`. */
  readonly hostname?: string;
  /**
   * Whether the loopback device of a new network namespace is brought up, by which the child's processes reach each other at
   * 127.0.0.1 and ::1. `true` and `false` take `"net"`.
   *
   * @default Up if there is CAP_NET_ADMIN, else down as the kernel makes it
   */
  readonly loopback?: boolean;
  /** A directory that becomes the root, with what is mounted below. It takes `"mount"`. */
  readonly root?: string;
  /**
   * What is mounted there, in this order. It takes `"mount"`. A `"proc"` shows the child's own pid namespace; if that is
   * new, it takes Linux 6.18.
   */
  readonly mounts?: readonly SpawnMount[];
}

/** What they are called. */
export const namespaceNames: OptionNames<SpawnNamespaceOptions> = {
  namespaces: true,
  hostname: true,
  loopback: true,
  root: true,
  mounts: true,
};

/** What the options amount to. */
export interface SpawnPlan {
  /** All kinds that the child is not to share with this thread. */
  readonly kinds: ReadonlySet<NamespaceKind>;
  /** `CLONE` members: what is new, but for a pid namespace. */
  readonly flags: number;
  /** What is joined, but for a pid namespace. */
  readonly joined: readonly Namespace[];
  /** The pid namespace to join, `"new"`, or `undefined` for this process's own. */
  readonly pid: Namespace | "new" | undefined;
  readonly hostname: string | undefined;
  /** Whether to bring up the loopback device; `undefined`: if that may be done. */
  readonly loopback: boolean | undefined;
  /** With the root, if it is another one, as the first. */
  readonly mounts: readonly SpawnMount[];
}

/**
 * Reads the options.
 *
 * @returns `undefined` if they ask for no namespace.
 * @throws {TypeError} What is asked for makes no sense together, or is of a wrong type.
 */
export function spawnPlan(options: SpawnNamespaceOptions): SpawnPlan | undefined {
  const { namespaces = [], hostname, loopback, root, mounts = [] } = options;
  for (const [name, list] of Object.entries({ namespaces, mounts })) {
    if (!Array.isArray(list)) throw new TypeError(`Cannot take ${name}: it is not an array`);
  }
  const kinds = new Set<NamespaceKind>();
  const fresh = new Set<NamespaceKind>();
  const joined: Namespace[] = [];
  for (const entry of namespaces) {
    const kind = entry instanceof Namespace ? entry.kind : entry;
    kernelNames(kind);
    if (kinds.has(kind)) throw new TypeError(`Cannot take namespaces: ${kind} is there twice`);
    if (kind === "user" || kind === "time") {
      throw new TypeError(
        `Cannot take namespaces: a ${kind} namespace takes a process with one thread, and Bun has several: spawn a program that makes it, such as unshare(1)`,
      );
    }
    kinds.add(kind);
    if (entry instanceof Namespace) joined.push(entry);
    else fresh.add(kind);
  }
  if (hostname !== undefined) {
    needs("hostname", "uts", fresh);
    cstring(hostname, "hostname");
  }
  if (loopback !== undefined) {
    if (typeof loopback !== "boolean")
      throw new TypeError(
        `Cannot take loopback: expected true or false, got ${described(loopback)}`,
      );
    needs("loopback", "net", fresh);
  }
  if (root !== undefined) {
    needs("root", "mount", fresh);
    cstring(root, "root");
  }
  if (mounts.length > 0) needs("mounts", "mount", fresh);
  if (kinds.size === 0) return undefined;
  let flags = 0;
  for (const kind of fresh) flags |= kernelNames(kind).flag;
  return {
    kinds,
    flags: flags & ~CLONE.NEWPID,
    joined: joined.filter(({ kind }) => kind !== "pid"),
    pid: fresh.has("pid") ? "new" : joined.find(({ kind }) => kind === "pid"),
    hostname,
    loopback,
    mounts: checkedMounts(root === undefined ? mounts : [{ source: root, target: "/" }, ...mounts]),
  };
}

/** It would be done to this process's own namespace otherwise. */
function needs(option: string, kind: NamespaceKind, fresh: ReadonlySet<NamespaceKind>): void {
  if (fresh.has(kind)) return;
  throw new TypeError(
    `Cannot take ${option}: it needs a namespace of the child's own: add "${kind}" to namespaces`,
  );
}

function checkedMounts(mounts: readonly SpawnMount[]): readonly SpawnMount[] {
  for (const [index, mount] of mounts.entries()) {
    const name = `mounts[${index}]`;
    checkNames(mount, mountNames, name);
    const { target, type, source, options, flags } = mount;
    cstring(target, `${name}.target`);
    if (source !== undefined) cstring(source, `${name}.source`);
    if (type !== undefined) cstring(type, `${name}.type`);
    if (!target.startsWith("/"))
      throw new TypeError(`Cannot take ${name}.target: ${JSON.stringify(target)} is not absolute`);
    if (target === "/" && index > 0)
      throw new TypeError(`Cannot take ${name}.target: the root comes first, and once`);
    if (type === undefined && source === undefined)
      throw new TypeError(`Cannot take ${name}: it has neither a type nor a source`);
    if (type === undefined && options !== undefined)
      throw new TypeError(`Cannot take ${name}.options: what is bound has none`);
    settingsOf(options ?? {});
    flagBits(flags ?? []);
  }
  return mounts;
}
