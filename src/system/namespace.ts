/**
 * Namespaces as objects, to compare and to enter:
 * {@link https://man7.org/linux/man-pages/man7/namespaces.7.html | namespaces(7)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { Pidfd } from "../events/pidfd.ts";
import { builtin, int, type PathLike } from "../libc.ts";
import { close, O } from "../syscalls/fd.ts";
import {
  ioctl_ns_get_nstype,
  ioctl_ns_get_owner_uid,
  ioctl_ns_get_parent,
  ioctl_ns_get_userns,
} from "../syscalls/namespace.ts";
import { AT, openat } from "../syscalls/open.ts";
import { enter, Home } from "./namespace-home.ts";
import { kernelNames, KINDS, type NamespaceKind } from "./namespace-kinds.ts";
import { checkUnowned, OwnedFd } from "./owned-fd.ts";

const ADOPTED = Symbol("adopted");

/**
 * A namespace, held by a descriptor: it stays as long as this does, even without any process in it.
 *
 * It owns its descriptor, which `close()` and `using` give back.
 *
 * @example
 * ```ts CAP_SYS_ADMIN
 * import { Namespace, spawn } from "bun-butter";
 * import { gethostname } from "bun-butter/syscalls";
 *
 * const child = spawn(["sleep", "1000"], { namespaces: ["uts"], hostname: "box" });
 * using theirs = Namespace.of(child.pid, "uts");
 * using ours = Namespace.own("uts");
 * console.log(theirs.equals(ours), theirs.enter(gethostname)); // false box
 * child.kill();
 * ```
 */
export class Namespace extends OwnedFd {
  /** What kind it is. */
  readonly kind: NamespaceKind;
  /** Its inode number: two namespaces that are open have different ones. */
  readonly id: number;

  /** @internal Use {@linkcode own}, {@linkcode of}, {@linkcode open} or {@linkcode adopt}. */
  private constructor(fd: number, by: typeof ADOPTED) {
    if (by !== ADOPTED)
      throw new TypeError("Cannot construct Namespace: use own(), of() or open()");
    const type = ioctl_ns_get_nstype(fd);
    const kind = (Object.keys(KINDS) as NamespaceKind[]).find((one) => KINDS[one].flag === type);
    if (kind === undefined) {
      throw new ValueError(ERRNO.EINVAL[0], {
        syscall: "Namespace",
        hint: `its kind 0x${type.toString(16)} is unknown`,
      });
    }
    const { ino } = builtin("node:fs").fstatSync(fd);
    super(fd);
    this.kind = kind;
    this.id = ino;
  }

  /**
   * That of the calling thread.
   *
   * @throws {ValueError} `ENOENT`: this kernel has none of that kind, or /proc is not mounted.
   */
  static own(kind: NamespaceKind): Namespace {
    return owned(openNamespace(`/proc/thread-self/ns/${kernelNames(kind).file}`));
  }

  /**
   * That of a process.
   *
   * @param process Its number, or a {@linkcode Pidfd}, whose process no other is mistaken for.
   * @throws {ValueError} `ENOENT`, `ESRCH`: there is no such process, or it has ended.
   * @throws {PermissionError} `EACCES`, `EPERM`: this process may not trace that one.
   */
  static of(process: number | Pidfd, kind: NamespaceKind): Namespace {
    const { file } = kernelNames(kind);
    const pid = process instanceof Pidfd ? process.pid : positive(process);
    const namespace = owned(openNamespace(`/proc/${pid}/ns/${file}`));
    if (!(process instanceof Pidfd)) return namespace;
    try {
      // If it lives now, the number was its own when the file was opened.
      if (process.kill(0)) return namespace;
      throw new ValueError(ERRNO.ESRCH[0], { syscall: "Namespace.of", path: `${pid}` });
    } catch (error) {
      namespace.close();
      throw error;
    }
  }

  /**
   * That of a file, on which it was bound, or a `/proc/PID/ns/KIND`.
   *
   * @throws {ValueError} `ENOTTY`: it is none. `ENOENT` and others of `openat(2)`.
   */
  static open(path: PathLike): Namespace {
    return owned(openNamespace(path));
  }

  /**
   * Takes over a descriptor, and owns it from then on.
   *
   * @throws {ValueError} `EBADF`, `ENOTTY`: it is none; it stays the caller's. `EBUSY`: an object owns it already.
   */
  static adopt(fd: number): Namespace {
    checkUnowned(int(fd, "fd"));
    return new Namespace(fd, ADOPTED);
  }

  /**
   * Calls a function while this thread is in several namespaces of a process: {@linkcode enter} for each of them,
   * in one step.
   *
   * @param process Its number, or a {@linkcode Pidfd}.
   */
  static enter<T>(process: number | Pidfd, kinds: readonly NamespaceKind[], fn: () => T): T {
    const set = new Set(kinds);
    let flags = 0;
    for (const kind of set) flags |= kernelNames(kind).flag;
    if (flags === 0) throw new RangeError("Cannot take kinds: there is none");
    using pidfd = process instanceof Pidfd ? undefined : new Pidfd(process);
    const fd = (pidfd ?? (process as Pidfd)).fileno();
    return within(set, () => enter(fd, flags), fn);
  }

  /** Whether both are the same namespace. */
  equals(other: Namespace): boolean {
    return this.kind === other.kind && this.id === other.id;
  }

  /**
   * Calls a function while this thread is in the namespace, and returns to where it was, also if the function throws.
   *
   * It is synchronous, because what is awaited would run elsewhere: Bun's other threads, which read files for
   * promises, stay where they are. In a mount namespace paths begin at its root.
   *
   * After a mount namespace was entered, this thread has a working directory and umask of its own: what
   * `process.chdir()` and `process.umask()` change afterwards Bun's other threads don't see.
   *
   * In a pid namespace only children are in it. Start them with `spawn` and its option `namespaces`, which can join one: if
   * the engine starts a thread while `fn` runs, the process aborts.
   *
   * @returns What the function returns.
   * @throws {TypeError} It returned a promise.
   * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN`, and `CAP_SYS_CHROOT` for a mount namespace.
   * @throws {ValueError} `EINVAL`, `EUSERS`: user and time namespaces take a process with one thread. `EBADF`: closed.
   * @throws {InternalError} `ENOTRECOVERABLE`: the thread could not return. End the process.
   */
  enter<T>(fn: () => T): T {
    const fd = this.fileno();
    return within(new Set([this.kind]), () => enter(fd, kernelNames(this.kind).flag), fn);
  }

  /**
   * The one around it, of a pid or user namespace.
   *
   * @throws {PermissionError} `EPERM`: it is outside of this process's own.
   * @throws {ValueError} `EINVAL`: another kind has none.
   */
  parent(): Namespace {
    return owned(ioctl_ns_get_parent(this.fileno()));
  }

  /**
   * The user namespace that it belongs to.
   *
   * @throws {PermissionError} `EPERM`: it is outside of this process's own.
   */
  owner(): Namespace {
    return owned(ioctl_ns_get_userns(this.fileno()));
  }

  /**
   * The user who made it, of a user namespace.
   *
   * @throws {ValueError} `EINVAL`: it is another kind.
   */
  ownerUid(): number {
    return ioctl_ns_get_owner_uid(this.fileno());
  }

  get [Symbol.toStringTag](): string {
    return "Namespace";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { kind: this.kind, id: this.id };
  }
}

/** Moves this thread, calls, and returns. */
function within<T>(kinds: ReadonlySet<NamespaceKind>, move: () => void, fn: () => T): T {
  if (kinds.has("user") || kinds.has("time")) {
    throw new ValueError((kinds.has("user") ? ERRNO.EINVAL : ERRNO.EUSERS)[0], {
      syscall: "setns",
      hint: "user and time namespaces take a process with one thread, and Bun has several: start a program that enters them, such as nsenter(1)",
    });
  }
  const result = visit(kinds, move, fn);
  if (!isThenable(result)) return result;
  // What becomes of it nobody is told, so it must not end the process.
  Promise.resolve(result).catch(() => {});
  throw new TypeError(
    "Cannot enter with a function that returns a promise: what it awaits would go on outside, so give a synchronous one",
  );
}

function visit<T>(kinds: ReadonlySet<NamespaceKind>, move: () => void, fn: () => T): T {
  using home = new Home(kinds);
  try {
    move();
    return fn();
  } finally {
    home.return();
  }
}

function isThenable(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

/** Owns a descriptor at once, or closes it. */
function owned(fd: number): Namespace {
  try {
    return Namespace.adopt(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

function openNamespace(path: PathLike): number {
  return openat(AT.FDCWD, path, O.RDONLY | O.CLOEXEC | O.NONBLOCK);
}

function positive(pid: number): number {
  if (int(pid, "pid") > 0) return pid;
  throw new RangeError(`Cannot take pid: ${pid} is not at least 1`);
}
