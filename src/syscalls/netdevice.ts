/**
 * Devices of the network, as far as it takes to see whether one is up, and to bring it up:
 * {@link https://man7.org/linux/man-pages/man2/socket.2.html | socket(2)} and
 * {@link https://man7.org/linux/man-pages/man7/netdevice.7.html | netdevice(7)}.
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
  described,
  type FdLike,
  fileno,
  int,
  since,
  sysctl,
  uint,
} from "../libc.ts";

const { ENOSYS, EPERM } = since("2.2");

/** What each errno of these calls becomes. */
export const netdevice_errors = {
  socket: {
    ENOSYS,
    EPERM,
    EACCES: PermissionError,
    EAFNOSUPPORT: [UnsupportedError, "this kernel does not have that family"],
    EINVAL: ValueError,
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
    ENOBUFS: MemoryError,
    ENOMEM: MemoryError,
    EPROTONOSUPPORT: ValueError,
  },
  ioctl: {
    ENOSYS,
    EPERM: [
      PermissionError,
      "it needs CAP_NET_ADMIN in the user namespace of this network namespace, unless a sandbox such as seccomp refuses it",
    ],
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: ValueError,
    ENODEV: [ValueError, "there is no such device in this network namespace"],
    ENOTTY: [ValueError, "the descriptor is no socket"],
  },
} as const;

const { c, check } = bind(
  {
    socket: {
      args: ["i32" /* int domain */, "i32" /* int type */, "i32" /* int protocol */],
      returns: "i32",
    },
    ioctl: {
      args: ["i32" /* int fd */, "u64" /* unsigned long op */, "ptr" /* void *argp */],
      returns: "i32",
    },
  },
  netdevice_errors,
);

/** Families of {@linkcode socket}. */
export const AF = {
  /** Of this machine alone. */
  UNIX: 1,
  /** IPv4. */
  INET: 2,
  /** IPv6. */
  INET6: 10,
} as const;

/** Types of {@linkcode socket}, one of them, and its flags. */
export const SOCK = {
  /** Bytes in order. */
  STREAM: 1,
  /** Datagrams. */
  DGRAM: 2,
  /** Read and write return at once. */
  NONBLOCK: 0o4000,
  /** Closed by execve. */
  CLOEXEC: 0o2000000,
} as const;

/** Flags of a device. */
export const IFF = {
  /** It is up. */
  UP: 0x1,
  /** It is a loopback device. */
  LOOPBACK: 0x8,
  /** It has what it needs to run. */
  RUNNING: 0x40,
} as const;

const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;

/** `sizeof(struct ifreq)` */
const IFREQ_SIZE = 40;
/** `IFNAMSIZ`, with a NUL at the end. */
const NAME_SIZE = 16;

/**
 * `socket(domain, type, protocol)`: makes a socket.
 *
 * @param domain An {@linkcode AF} member.
 * @param type {@linkcode SOCK} members.
 * @param protocol 0 for the usual one.
 * @returns A descriptor for the caller to close.
 * @throws {ValueError} `EINVAL`, `EPROTONOSUPPORT`: an unknown type or protocol.
 * @throws {UnsupportedError} `EAFNOSUPPORT`: no such family here.
 * @throws {PermissionError} `EACCES`, `EPERM`: a raw socket takes `CAP_NET_RAW`.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {MemoryError} `ENOMEM`, `ENOBUFS`.
 */
export function socket(domain: number, type: number, protocol: number): number {
  return check(
    "socket",
    c.socket(int(domain, "domain"), int(type, "type"), int(protocol, "protocol")),
  );
}

/**
 * `ioctl(fd, SIOCGIFFLAGS, ifr)`: the flags of a device.
 *
 * @param fd Any socket; it says by its network namespace which devices there are.
 * @param ifr_name The name of the device, of at most 15 bytes.
 * @returns {@linkcode IFF} members, and others.
 * @throws {ValueError} `ENODEV`: there is no such device. `EBADF`, `ENOTTY`: no socket.
 */
export function ioctl_siocgifflags(fd: FdLike, ifr_name: string): number {
  const ifr = ifreq(ifr_name);
  check("ioctl", c.ioctl(fileno(fd), SIOCGIFFLAGS, ifr));
  return ifr[NAME_SIZE / 2] ?? 0;
}

/**
 * `ioctl(fd, SIOCSIFFLAGS, ifr)`: sets the flags of a device, all at once; those that can't be set are left as they are.
 *
 * @param fd Any socket.
 * @param ifr_name The name of the device, of at most 15 bytes.
 * @param ifr_flags {@linkcode IFF} members.
 * @throws {PermissionError} `EPERM`: without `CAP_NET_ADMIN`.
 * @throws {ValueError} `ENODEV`: there is no such device. `EBADF`, `ENOTTY`: no socket.
 */
export function ioctl_siocsifflags(fd: FdLike, ifr_name: string, ifr_flags: number): void {
  const flags = uint(ifr_flags, "ifr_flags");
  if (flags > 0xffff)
    throw new RangeError(`Cannot take ifr_flags: ${flags} is not an integer from 0 to 65535`);
  const ifr = ifreq(ifr_name);
  ifr[NAME_SIZE / 2] = flags;
  check("ioctl", c.ioctl(fileno(fd), SIOCSIFFLAGS, ifr));
}

/** A `struct ifreq` for one call, in the units of its flags. */
function ifreq(name: string): Uint16Array<ArrayBuffer> {
  const ifr = new Uint16Array(IFREQ_SIZE / 2);
  const text = new TextEncoder().encode(nameOf(name));
  if (text.byteLength >= NAME_SIZE)
    throw new RangeError(`Cannot take ifr_name: ${JSON.stringify(name)} has more than 15 bytes`);
  new Uint8Array(ifr.buffer).set(text);
  return ifr;
}

function nameOf(name: string): string {
  const text = cstring(name, "ifr_name");
  if (typeof text === "string") return text;
  throw new TypeError(`Cannot take ifr_name: expected a string, got ${described(name)}`);
}
