/**
 * Files that are memory, and their seals:
 * {@link https://man7.org/linux/man-pages/man2/memfd_create.2.html | memfd_create(2)},
 * {@link https://man7.org/linux/man-pages/man2/memfd_secret.2.html | memfd_secret(2)} and
 * {@link https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html | F_GET_SEALS(2const)}.
 *
 * @module
 */
import {
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  int,
  numbered,
  since,
  ssize_t,
  SYS,
  sysctl,
  uint,
} from "../libc.ts";
import { F } from "./fd.ts";

const made = {
  EINVAL: [
    ValueError,
    "an unknown flag, flags that exclude each other, or a name of more than 249 bytes",
  ],
  EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
  ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
  ENOMEM: MemoryError,
} as const;

/** What each errno of these calls becomes. */
export const memfd_errors = {
  memfd_create: {
    ...since("3.17"),
    ...made,
    EACCES: [
      PermissionError,
      () => `vm.memfd_noexec (${sysctl("vm.memfd_noexec")} now) allows no MFD_EXEC`,
    ],
    EFAULT: InternalError,
    ENODEV: [UnsupportedError, "this kernel has no huge pages of that size"],
    EPERM: [PermissionError, "huge pages need CAP_IPC_LOCK, or a sandbox refuses it"],
  },
  memfd_secret: {
    ...made,
    EINVAL: [ValueError, "an unknown flag"],
    ENOSYS: [
      UnsupportedError,
      "it needs Linux 5.14, and secretmem.enable=1 on the kernel's command line before Linux 6.5",
    ],
    EPERM: since("5.14").EPERM,
  },
  fcntl: {
    ENOSYS: since("3.17").ENOSYS,
    EBADF: ValueError,
    EBUSY: [ValueError, 'it is mapped for writing: unmap that first, or seal "future-write"'],
    EINVAL: [ValueError, "it is no memfd, or an unknown seal"],
    EPERM: [
      ValueError,
      "its seals are sealed, which they are from the start without MFD_ALLOW_SEALING, or it is open to read only",
    ],
  },
} as const;

const { c, check } = bind(
  {
    memfd_create: {
      args: ["cstring" /* const char *name */, "u32" /* unsigned int flags */],
      returns: "i32",
    },
    syscall: numbered(ssize_t /* unsigned int flags */),
    fcntl: {
      args: ["i32" /* int fd */, "i32" /* int op */, ssize_t /* long arg */],
      returns: "i32",
    },
  },
  memfd_errors,
);

/** Flags of {@linkcode memfd_create}. */
export const MFD = {
  /** Closed by execve. */
  CLOEXEC: 1,
  /** Seals can be added. */
  ALLOW_SEALING: 2,
  /** Of huge pages, of the default size unless one of the sizes is added. */
  HUGETLB: 4,
  /** Not executable, and sealed so; implies `ALLOW_SEALING`. Linux 6.3. */
  NOEXEC_SEAL: 8,
  /** Executable, whatever vm.memfd_noexec says, as long as it is not 2. Linux 6.3. */
  EXEC: 0x10,
  /** Sizes of huge pages, for `HUGETLB`. Which ones there are says /sys/kernel/mm/hugepages. */
  HUGE_64KB: 0x4000_0000,
  HUGE_512KB: 0x4c00_0000,
  HUGE_1MB: 0x5000_0000,
  HUGE_2MB: 0x5400_0000,
  HUGE_8MB: 0x5c00_0000,
  HUGE_16MB: 0x6000_0000,
  HUGE_32MB: 0x6400_0000,
  HUGE_256MB: 0x7000_0000,
  HUGE_512MB: 0x7400_0000,
  HUGE_1GB: 0x7800_0000,
  HUGE_2GB: 0x7c00_0000,
  HUGE_16GB: 0x8800_0000,
} as const;

/** Seals: what can't be done any more, by nobody. */
export const F_SEAL = {
  /** Add seals. */
  SEAL: 1,
  /** Make it smaller. */
  SHRINK: 2,
  /** Make it larger. */
  GROW: 4,
  /** Write to it, or map it for writing. */
  WRITE: 8,
  /** Write to it, but through what is mapped for writing already. Linux 5.1. */
  FUTURE_WRITE: 0x10,
  /** Change whether it is executable; one that is, is sealed against writing too. Linux 6.3. */
  EXEC: 0x20,
} as const;

/**
 * `memfd_create(name, flags)`: makes an empty file in memory.
 *
 * @param name For debugging, at most 249 bytes; need not be unique.
 * @param flags {@linkcode MFD} members, or 0.
 * @returns A descriptor for the caller to close, to read and write.
 * @throws {ValueError} `EINVAL`: unknown flag, or the name is too long.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {PermissionError} `EPERM`: huge pages need `CAP_IPC_LOCK`. `EACCES`: vm.memfd_noexec is 2.
 * @throws {UnsupportedError} `ENODEV`: no huge pages of that size.
 */
export function memfd_create(name: string | Uint8Array, flags: number): number {
  return check("memfd_create", c.memfd_create(cstring(name, "name"), uint(flags, "flags")), name);
}

/**
 * `memfd_secret(flags)`: makes an empty file in memory that the kernel itself can't read: it can only be mapped. Linux 5.14.
 *
 * Its size is set once, by `ftruncate`, and counts against `ulimit -l`.
 *
 * @param flags `O.CLOEXEC`, or 0.
 * @returns A descriptor for the caller to close.
 * @throws {UnsupportedError} `ENOSYS`: not enabled.
 * @throws {ValueError} `EINVAL`: unknown flag.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {MemoryError} `ENOMEM`.
 */
export function memfd_secret(flags: number): number {
  return Number(check("memfd_secret", c.syscall(SYS.memfd_secret, int(flags, "flags"))));
}

/**
 * `fcntl(fd, F_ADD_SEALS, seals)`: seals a memfd, for everybody and for good.
 *
 * @param seals {@linkcode F_SEAL} members.
 * @throws {ValueError} `EPERM`: no more seals can be added. `EBUSY`: `F_SEAL.WRITE` while it is mapped for writing. `EINVAL`, `EBADF`.
 */
export function fcntl_add_seals(fd: FdLike, seals: number): void {
  check("fcntl", c.fcntl(fileno(fd), F.ADD_SEALS, int(seals, "seals")));
}

/**
 * `fcntl(fd, F_GET_SEALS)`: the seals of a memfd.
 *
 * @returns {@linkcode F_SEAL} members. `F_SEAL.SEAL` if it was made without `MFD.ALLOW_SEALING`.
 * @throws {ValueError} `EINVAL`: no memfd. `EBADF`: not open.
 */
export function fcntl_get_seals(fd: FdLike): number {
  return check("fcntl", c.fcntl(fileno(fd), F.GET_SEALS, 0));
}
