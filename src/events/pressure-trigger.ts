/**
 * A trigger of pressure stall information, and what its errors mean.
 *
 * @module
 */
import {
  ERRNO,
  OSError,
  type OSErrorDetails,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import { builtin, newer, type PathLike, pathText } from "../libc.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { EFD, eventfd } from "../syscalls/eventfd.ts";
import { O } from "../syscalls/fd.ts";
import { AT, openat } from "../syscalls/open.ts";
import { psi_read, psi_write, type PsiKind } from "../syscalls/psi.ts";
import { type Ringer, ringer } from "./doorbell.ts";
import { closeQuietly } from "./intake.ts";

/**
 * A trigger, and an eventfd that it rings.
 *
 * A pressure file reports an event to the first who polls it, and to none else. The poller asks more than
 * once, so in its set half of the events would be lost; but here nobody polls the file except the one who rings.
 */
export class Trigger implements Disposable {
  /** Readable when there is an event. The source owns it. */
  readonly bell: number;
  readonly #fd: number;
  readonly #ringer: Ringer;
  #armed = false;

  constructor(path: PathLike, kind: PsiKind, stall: number, window: number) {
    using opened = new DisposableStack();
    this.#fd = opened.adopt(openPressure(path, O.RDWR | O.NONBLOCK), closeQuietly);
    try {
      psi_write(this.#fd, kind, Math.round(stall * 1000), Math.round(window * 1000));
    } catch (error) {
      throw error instanceof OSError && error.code === "EINVAL"
        ? refused(error, pathText(path), kind, window)
        : error;
    }
    this.bell = opened.adopt(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC), closeQuietly);
    this.#ringer = opened.use(ringer(this.#fd, EPOLL.PRI, this.bell));
    this.arm();
    opened.move();
  }

  /** Whether it will ring. */
  get armed(): boolean {
    return this.#armed;
  }

  /** Lets it ring once more, unless it will anyway. */
  arm(): void {
    if (this.#armed) return;
    this.#ringer.arm();
    this.#armed = true;
  }

  /** Tells the averages after it rang, and lets it ring again, if that can be. */
  next(): ReturnType<typeof psi_read> {
    this.#armed = false;
    try {
      this.arm();
    } catch {
      // The event that has come is not lost for it: the next look tries again.
    }
    return psi_read(this.#fd);
  }

  [Symbol.dispose](): void {
    this.#ringer[Symbol.dispose]();
    // The kernel takes 16 ms to close a trigger, which another thread waits for. Nobody is left to be told how it went.
    builtin("node:fs").close(this.#fd, () => {});
  }
}

/** Opens a pressure file, and says what it means if that fails. */
export function openPressure(path: PathLike, flags: number): number {
  try {
    return openat(AT.FDCWD, path, flags | O.CLOEXEC);
  } catch (error) {
    throw error instanceof OSError ? explained(error, pathText(path)) : error;
  }
}

/** What the errors of opening mean for these files. */
function explained(error: OSError, path: string): OSError {
  const details = (hint: string): OSErrorDetails => ({ syscall: error.syscall, path, hint });
  if (error.code === "EPERM") {
    return new PermissionError(
      ERRNO.EPERM[0],
      details("before Linux 6.4 it takes CAP_SYS_RESOURCE"),
    );
  }
  if (error.code !== "ENOENT") return error;
  if (!path.startsWith("/proc/pressure/")) {
    return new ValueError(
      ERRNO.ENOENT[0],
      details("there is no such cgroup, or it is not of version 2, or its cgroup.pressure is 0"),
    );
  }
  return new UnsupportedError(
    ERRNO.ENOENT[0],
    details(
      builtin("node:fs").existsSync("/proc/sys")
        ? "this kernel keeps no pressure stall information: it needs Linux 5.2, built with CONFIG_PSI and started without psi=0"
        : "/proc has processes alone, or is not mounted: mount it without subset=pid",
    ),
  );
}

/** Why the kernel takes no such trigger. */
function refused({ syscall }: OSError, path: string, kind: PsiKind, window: number): unknown {
  const hint =
    window % 2000 === 0
      ? undefined
      : `without CAP_SYS_RESOURCE the window is a multiple of 2 s, and ${window} ms are none; before Linux 6.7 it is 500 ms at least in any case`;
  const error = new ValueError(ERRNO.EINVAL[0], { syscall, path, hint });
  const isFullCpu = kind === "full" && /\bcpu(\.pressure)?$/.test(path);
  return newer(error, isFullCpu ? ["5.13", "full pressure on the processor"] : undefined);
}
