/**
 * What the UTS namespace calls the machine:
 * {@link https://man7.org/linux/man-pages/man2/gethostname.2.html | gethostname(2)} and
 * {@link https://man7.org/linux/man-pages/man2/getdomainname.2.html | getdomainname(2)}.
 *
 * @module
 */
import { InternalError, PermissionError, UnsupportedError, ValueError } from "../errors.ts";
import { bind, cstring, pathText, size_t } from "../libc.ts";

/** The longest name, in bytes: a NUL follows it. */
const HOST_NAME_MAX = 64;

// What asks for the kernel's release is the same call, so the hint can't name it.
const sandboxed = {
  ENOSYS: [UnsupportedError, "a sandbox such as seccomp refuses it"],
  EPERM: [PermissionError, "a sandbox such as seccomp refuses it"],
} as const;

const getting = {
  ...sandboxed,
  EFAULT: InternalError,
  EINVAL: InternalError,
  ENAMETOOLONG: InternalError,
} as const;

const setting = {
  ENOSYS: sandboxed.ENOSYS,
  EFAULT: InternalError,
  EINVAL: [ValueError, `it is longer than ${HOST_NAME_MAX} bytes`],
  EPERM: [PermissionError, "it needs CAP_SYS_ADMIN in the user namespace of this UTS namespace"],
} as const;

/** What each errno of these calls becomes. */
export const uts_errors = {
  gethostname: getting,
  sethostname: setting,
  getdomainname: getting,
  setdomainname: setting,
} as const;

const chars = "ptr" as const;

const { c, check } = bind(
  {
    gethostname: { args: [chars /* char *name */, size_t /* size_t len */], returns: "i32" },
    sethostname: { args: [chars /* const char *name */, size_t /* size_t len */], returns: "i32" },
    getdomainname: { args: [chars /* char *name */, size_t /* size_t len */], returns: "i32" },
    setdomainname: {
      args: [chars /* const char *name */, size_t /* size_t len */],
      returns: "i32",
    },
  },
  uts_errors,
);

/**
 * `gethostname(name, len)`: what this machine is called, in this thread's UTS namespace.
 *
 * @returns Up to 64 bytes as text. Bytes that are not UTF-8 are U+FFFD.
 */
export function gethostname(): string {
  const buf = new Uint8Array(HOST_NAME_MAX + 1);
  check("gethostname", c.gethostname(buf, buf.byteLength));
  return text(buf);
}

/**
 * `sethostname(name, len)`: calls the machine so, for everybody in this thread's UTS namespace.
 *
 * @param name Up to 64 bytes.
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN`.
 * @throws {ValueError} `EINVAL`: it is longer.
 */
export function sethostname(name: string | Uint8Array): void {
  const bytes = encoded(name);
  check("sethostname", c.sethostname(bytes, lengthOf(bytes)), name);
}

/**
 * `getdomainname(name, len)`: the domain of NIS, which has nothing to do with DNS: `"(none)"` where nobody set it.
 *
 * @returns Up to 64 bytes as text. Bytes that are not UTF-8 are U+FFFD.
 */
export function getdomainname(): string {
  const buf = new Uint8Array(HOST_NAME_MAX + 1);
  check("getdomainname", c.getdomainname(buf, buf.byteLength));
  return text(buf);
}

/**
 * `setdomainname(name, len)`: sets the domain of NIS, for everybody in this thread's UTS namespace.
 *
 * @param name Up to 64 bytes.
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN`.
 * @throws {ValueError} `EINVAL`: it is longer.
 */
export function setdomainname(name: string | Uint8Array): void {
  const bytes = encoded(name);
  check("setdomainname", c.setdomainname(bytes, lengthOf(bytes)), name);
}

function text(buf: Uint8Array): string {
  const end = buf.indexOf(0);
  return pathText(buf.subarray(0, end === -1 ? buf.byteLength : end));
}

/** With a NUL behind, so that an empty name has an address. */
function encoded(name: string | Uint8Array): Uint8Array {
  const checked = cstring(name, "name");
  return typeof checked === "string" ? new TextEncoder().encode(`${checked}\0`) : checked;
}

function lengthOf(terminated: Uint8Array): number {
  return terminated.byteLength - 1;
}
