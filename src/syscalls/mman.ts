/**
 * Pages of memory: {@link https://man7.org/linux/man-pages/man2/mmap.2.html | mmap(2)} and
 * {@link https://man7.org/linux/man-pages/man2/mprotect.2.html | mprotect(2)}.
 *
 * @module
 */
import { MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  type Address,
  addressOf,
  bind,
  type FdLike,
  fileno,
  int,
  Pinned,
  since,
  size,
  size_t,
  ssize_t,
} from "../libc.ts";

const { ENOSYS } = since("2.2");

/** What each errno of these calls becomes. */
export const mman_errors = {
  mmap: {
    ENOSYS,
    EACCES: [PermissionError, "the descriptor is not open for that"],
    EAGAIN: [OSError, "too much memory is locked (ulimit -l)"],
    EBADF: ValueError,
    EEXIST: [ValueError, "something is mapped there"],
    EINVAL: ValueError,
    ENFILE: OSError,
    ENODEV: [ValueError, "the file cannot be mapped"],
    ENOMEM: MemoryError,
    EOVERFLOW: ValueError,
    EPERM: [
      PermissionError,
      "the file is sealed, its file system mounted noexec, or a sandbox refuses it",
    ],
    ETXTBSY: OSError,
  },
  mprotect: {
    ENOSYS,
    EACCES: [
      PermissionError,
      "the file is not open for that, or the system lets no memory become executable",
    ],
    EINVAL: ValueError,
    ENOMEM: MemoryError,
    EPERM: [PermissionError, "a sandbox refuses it"],
  },
  munmap: { ENOSYS, EPERM: since("2.2").EPERM, EINVAL: ValueError, ENOMEM: MemoryError },
} as const;

const { c, check } = bind(
  {
    mmap: {
      args: [
        size_t /* void *addr */,
        size_t /* size_t length */,
        "i32" /* int prot */,
        "i32" /* int flags */,
        "i32" /* int fd */,
        ssize_t /* off_t offset */,
      ],
      returns: ssize_t,
    },
    mprotect: {
      args: [size_t /* void *addr */, size_t /* size_t len */, "i32" /* int prot */],
      returns: "i32",
    },
    munmap: { args: [size_t /* void *addr */, size_t /* size_t length */], returns: "i32" },
  },
  mman_errors,
);

/** What may be done with pages. */
export const PROT = { NONE: 0, READ: 1, WRITE: 2, EXEC: 4 } as const;

/** How pages are mapped. */
export const MAP = {
  /** Writes reach the file and everybody who maps it. */
  SHARED: 0x1,
  /** Writes are this process's own. */
  PRIVATE: 0x2,
  /** No file: zeroes. */
  ANONYMOUS: 0x20,
  /** At `addr` and nowhere else, `EEXIST` if something is there. Linux 4.17. */
  FIXED_NOREPLACE: 0x10_0000,
} as const;

/**
 * `mmap(addr, length, prot, flags, fd, offset)`: maps a file, or memory.
 *
 * @param addr Where, 0 for anywhere.
 * @param prot {@linkcode PROT} members.
 * @param flags {@linkcode MAP} members.
 * @param fd -1 with `MAP.ANONYMOUS`.
 * @returns Where it is, for the caller to {@linkcode munmap}. JavaScript that looks there later crashes.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {PermissionError} `EACCES`, `EPERM`.
 * @throws {ValueError} `EBADF`, `EEXIST`, `EINVAL`, `ENODEV`, `EOVERFLOW`.
 */
export function mmap(
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: FdLike,
  offset: number,
): Address {
  return Number(
    check(
      "mmap",
      c.mmap(
        size(addr, "addr"),
        size(length, "length"),
        int(prot, "prot"),
        int(flags, "flags"),
        fileno(fd),
        size(offset, "offset"),
      ),
    ),
  ) as Address;
}

/**
 * `mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, offset)` as pinned memory: unmapped when it is disposed, or when
 * nothing refers to it any more. Both protections, because a write that the pages refuse would end the process.
 *
 * @param length Bytes, at least 1. Of a file that has fewer, the pages behind its end must not be touched: `SIGBUS`.
 * @param flags {@linkcode MAP} members.
 * @param fd -1 with `MAP.ANONYMOUS`.
 * @throws What {@linkcode mmap} throws.
 */
export function mmap_pinned(length: number, flags: number, fd: FdLike, offset: number): Pinned {
  const address = mmap(0, length, PROT.READ | PROT.WRITE, flags, fd, offset);
  // munmap(address, length) is what the deallocator's signature, free(address, context), makes of it.
  return new Pinned(length, { address, context: length as Address, free: addressOf(c.munmap) });
}

/**
 * `mprotect(addr, len, prot)`: changes what may be done with pages.
 *
 * @param prot {@linkcode PROT} members.
 * @throws {PermissionError} `EACCES`: not with this file, or not on this system.
 * @throws {ValueError} `EINVAL`: not where a page begins.
 * @throws {MemoryError} `ENOMEM`: nothing is mapped there.
 */
export function mprotect(addr: number, len: number, prot: number): void {
  check("mprotect", c.mprotect(size(addr, "addr"), size(len, "len"), int(prot, "prot")));
}

/**
 * `munmap(addr, length)`: gives pages back.
 *
 * @throws {ValueError} `EINVAL`: not where a page begins.
 */
export function munmap(addr: number, length: number): void {
  check("munmap", c.munmap(size(addr, "addr"), size(length, "length")));
}
