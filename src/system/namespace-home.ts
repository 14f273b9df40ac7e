/**
 * The way back: a thread that left its namespaces returns to them, whatever happened meanwhile.
 *
 * @module
 */
import { edenGC } from "bun:jsc";

import { ERRNO, InternalError } from "../errors.ts";
import { builtin, type FdLike } from "../libc.ts";
import { chroot, fchdir } from "../syscalls/chdir.ts";
import { fd_name, O } from "../syscalls/fd.ts";
import { CLONE, setns, unshare, unshare_fs_setns } from "../syscalls/namespace.ts";
import { AT, openat } from "../syscalls/open.ts";
import { kernelNames, type NamespaceKind } from "./namespace-kinds.ts";
import { ScopedFd } from "./scoped-fd.ts";

/** Moves this thread into namespaces; a mount namespace is one whose root and working directory no other thread may share. */
export function enter(fd: FdLike, flags: number): void {
  if ((flags & CLONE.NEWNS) === 0) setns(fd, flags);
  else unshare_fs_setns(fd, flags);
}

/** A namespace that the thread was in. */
interface Way {
  readonly fd: number;
  readonly file: string;
  readonly flag: number;
}

/**
 * The namespaces of some kinds that this thread is in now, with its root and working directory if one of them is the
 * mount namespace.
 *
 * The way back is gone once before anything is left: a sandbox or a missing capability that would bar it does so while the thread
 * is still at home.
 */
export class Home implements Disposable {
  readonly #ways: Way[] = [];
  /** Root and working directory. */
  #places: { readonly root: number; readonly cwd: number } | undefined;
  readonly #fds = new DisposableStack();

  /**
   * @throws {OSError} What opening a file of /proc throws, and what `setns(2)` does to who may not return. A mount namespace
   * leaves this thread with a root and working directory of its own in any case.
   */
  constructor(kinds: ReadonlySet<NamespaceKind>) {
    try {
      for (const kind of kinds) {
        const { flag, forChildren } = kernelNames(kind);
        const file = `/proc/thread-self/ns/${forChildren}`;
        this.#ways.push({ fd: this.#opened(file, O.RDONLY), file, flag });
      }
      if (kinds.has("mount")) {
        const directory = O.PATH | O.DIRECTORY;
        this.#places = { root: this.#opened("/", directory), cwd: this.#opened(".", directory) };
      }
      // What makes helper threads start does it now, and not where the kernel would refuse them.
      if (kinds.has("pid")) edenGC();
      this.#rehearse();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The descriptor of the pid namespace that children get. */
  get pid(): number {
    return this.#ways.find(({ flag }) => flag === CLONE.NEWPID)?.fd ?? -1;
  }

  /**
   * Returns, and looks whether it has.
   *
   * @throws {InternalError} It has not: the thread is somewhere else.
   */
  return(): void {
    const errors = this.#go();
    const elsewhere = this.#ways.find(({ fd, file }) => fd_name(fd) !== link(file));
    if (errors.length === 0 && elsewhere === undefined) return;
    throw new InternalError(ERRNO.ENOTRECOVERABLE[0], {
      syscall: "setns",
      path: elsewhere?.file,
      hint: `this thread could not return to its namespaces, so end the process (${errors.join("; ")})`,
    });
  }

  /** Goes every step of the way back, without having left. */
  #rehearse(): void {
    if (this.#places !== undefined) {
      unshare(CLONE.FS);
      // Those two change nothing, but tell of what would be lost below.
      fchdir(this.#places.cwd);
      chroot("/");
    }
    const [error] = this.#go();
    if (error !== undefined) throw error;
  }

  /** Goes as far as possible, and returns what went wrong. */
  #go(): unknown[] {
    const errors: unknown[] = [];
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        errors.push(error);
      }
    };
    const places = this.#places;
    for (const { fd, flag } of this.#ways) attempt(() => enter(fd, flag));
    if (places !== undefined) {
      // The kernel has made both the root of the namespace.
      attempt(() => fchdir(places.root));
      attempt(() => chroot("."));
      attempt(() => fchdir(places.cwd));
    }
    return errors;
  }

  [Symbol.dispose](): void {
    this.#fds[Symbol.dispose]();
  }

  #opened(path: string, flags: number): number {
    return this.#fds.use(new ScopedFd(openat(AT.FDCWD, path, flags | O.CLOEXEC))).fd;
  }
}

function link(file: string): string | undefined {
  try {
    return builtin("node:fs").readlinkSync(file);
  } catch {
    return undefined;
  }
}
