/**
 * Memory of the process: the options of
 * {@link https://man7.org/linux/man-pages/man2/prctl.2.html | prctl(2)} that are about huge pages and names.
 *
 * @module
 */
import { MemoryError, PermissionError, ValueError } from "../errors.ts";
import {
  type Address,
  bind,
  cstring,
  described,
  int,
  numbered,
  type Pinned,
  pinned,
  since,
  size,
  size_t,
  SYS,
} from "../libc.ts";
import { PR } from "./prctl.ts";

/** What each errno of these calls becomes. */
export const prctl_memory_errors = {
  prctl: {
    ENOSYS: since("2.2").ENOSYS,
    EBADF: [ValueError, "what is mapped there is a file"],
    EFAULT: [ValueError, "nothing is mapped there"],
    EINVAL: [ValueError, "the option, its value or the name is not one that this kernel takes"],
    ENOMEM: [MemoryError, "nothing is mapped there, or the kernel has no memory for it"],
    EPERM: [PermissionError, "a sandbox such as seccomp refuses it"],
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int option */,
      size_t /* unsigned long arg2 */,
      size_t /* unsigned long arg3 */,
      size_t /* unsigned long arg4 */,
      size_t /* unsigned long arg5 */,
    ),
  },
  prctl_memory_errors,
);

/** Flags of {@linkcode prctl_set_thp_disable}. */
export const PR_THP_DISABLE = {
  /** Not where `madvise(MADV_HUGEPAGE)` asked for them. Linux 6.18. */
  EXCEPT_ADVISED: 2,
} as const;

function ask(option: number, arg2: number, arg3: number, arg4: number, arg5: number): number {
  return Number(check("prctl", c.syscall(SYS.prctl, option, arg2, arg3, arg4, arg5)));
}

/**
 * `prctl(PR_SET_THP_DISABLE, disable, flags)`: forbids transparent huge pages. Of the process; children inherit it.
 *
 * @param flags {@linkcode PR_THP_DISABLE} members, or 0. They go with `disable` alone.
 * @throws {ValueError} `EINVAL`: a flag that this kernel does not know.
 */
export function prctl_set_thp_disable(disable: boolean, flags: number): void {
  if (typeof disable !== "boolean")
    throw new TypeError(`Cannot take disable: expected a boolean, got ${described(disable)}`);
  ask(PR.SET_THP_DISABLE, disable ? 1 : 0, int(flags, "flags") >>> 0, 0, 0);
}

/** `prctl(PR_GET_THP_DISABLE)`: 0, or 1 together with {@linkcode PR_THP_DISABLE} members. */
export function prctl_get_thp_disable(): number {
  return ask(PR.GET_THP_DISABLE, 0, 0, 0, 0);
}

/**
 * `prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, len, name)`: names anonymous memory, as `/proc/self/maps` shows it
 * (`[anon:name]`). Of the process. Linux 5.17, if it was built with `CONFIG_ANON_VMA_NAME`.
 *
 * @param addr Where a page begins.
 * @param len Bytes, in whole pages.
 * @param name Up to 79 printable bytes without any of ``[]\$` ``; `null` takes the name away.
 * @throws {ValueError} `EINVAL`: not pages, not a name, or a kernel without it.
 * `EBADF`: a file is mapped there.
 * @throws {MemoryError} `ENOMEM`: not all of it is mapped.
 */
export function prctl_set_vma_anon_name(
  addr: Address | number,
  len: number,
  name: string | Uint8Array | null,
): void {
  using block = name === null ? undefined : terminated(name);
  ask(PR.SET_VMA, PR.SET_VMA_ANON_NAME, size(addr, "addr"), size(len, "len"), block?.address ?? 0);
}

function terminated(text: string | Uint8Array): Pinned {
  const checked = cstring(text, "name");
  const bytes = typeof checked === "string" ? new TextEncoder().encode(checked) : checked;
  const block = pinned(bytes.byteLength + 1);
  block.bytes.set(bytes);
  return block;
}
