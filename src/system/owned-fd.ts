/**
 * Descriptors with one owner.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { closeQuietly } from "../events/intake.ts";
import { Poller } from "../events/poller.ts";
import { int } from "../libc.ts";

/** What outlives an owner that nobody can reach any more. */
interface Handle {
  fd: number;
}

/** The descriptors that objects of this thread own. It keeps none of them alive. */
const owned = new Set<number>();

/**
 * Throws if a descriptor has an owner, which would close it a second time, when the number may be another file's.
 *
 * @throws {ValueError} `EBUSY`
 */
export function checkUnowned(fd: number): void {
  if (!owned.has(fd)) return;
  throw new ValueError(ERRNO.EBUSY[0], {
    syscall: "adopt",
    path: `${fd}`,
    hint: "an object owns it already, and would close it too: adopt a dup() of it",
  });
}

const dropped = new FinalizationRegistry<Handle>(shut);

/** An object that owns a descriptor, and closes it once: by itself if nobody can reach it any more. */
export abstract class OwnedFd implements Disposable {
  readonly #handle: Handle;

  /** @param fd Owned from here on, -1 for none. */
  constructor(fd: number) {
    this.#handle = { fd: int(fd, "fd") };
    owned.add(fd);
    dropped.register(this, this.#handle, this);
  }

  /** The descriptor, owned by this object; -1 once closed. */
  get fd(): number {
    return this.#handle.fd;
  }

  /**
   * The descriptor, for calls that take an object with `fileno()`.
   *
   * @throws {ValueError} `EBADF`: it is closed.
   */
  fileno(): number {
    if (!this.closed) return this.#handle.fd;
    throw new ValueError(ERRNO.EBADF[0], {
      syscall: "use",
      path: this[Symbol.toStringTag],
      hint: "it is closed",
    });
  }

  /** Whether {@linkcode close} or {@linkcode release} was called. */
  get closed(): boolean {
    return this.#handle.fd === -1;
  }

  /** Closes the descriptor; who waits for it is told. Once more is nothing. */
  close(): void {
    dropped.unregister(this);
    shut(this.#handle);
  }

  /**
   * Gives up the descriptor without closing it: it is the caller's then, and this object closed.
   *
   * @throws {ValueError} `EBADF`: it is closed.
   */
  release(): number {
    const fd = this.fileno();
    dropped.unregister(this);
    Poller.current?.forget(fd);
    owned.delete(fd);
    this.#handle.fd = -1;
    return fd;
  }

  /** `using` closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `PipeReader { fd: 5, … }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    if (this.closed) return `${this[Symbol.toStringTag]} { closed }`;
    return `${this[Symbol.toStringTag]} ${inspect({ fd: this.fd, ...this.details() }, options)}`;
  }

  /** The class, whatever a minifier made of its name. */
  abstract get [Symbol.toStringTag](): string;

  /** What an inspection shows beside `fd`. */
  protected details(): Readonly<Record<string, unknown>> {
    return {};
  }
}

function shut(handle: Handle): void {
  const { fd } = handle;
  handle.fd = -1;
  owned.delete(fd);
  if (fd !== -1) Poller.current?.forget(fd);
  closeQuietly(fd);
}
