/**
 * Error numbers and the small set of exceptions that they become:
 * {@link https://man7.org/linux/man-pages/man3/errno.3.html | errno(3)}.
 *
 * Every failed call throws an {@linkcode OSError} or one of its subclasses, so
 * `catch (e) { if (e instanceof PermissionError) … }` works whatever the call was.
 *
 * @module
 */

/** Every error number of Linux on x64 and arm64, with what it says. */
export const ERRNO = {
  EPERM: [1, "operation not permitted"],
  ENOENT: [2, "no such file or directory"],
  ESRCH: [3, "no such process"],
  EINTR: [4, "interrupted system call"],
  EIO: [5, "input/output error"],
  ENXIO: [6, "no such device or address"],
  E2BIG: [7, "argument list too long"],
  ENOEXEC: [8, "exec format error"],
  EBADF: [9, "bad file descriptor"],
  ECHILD: [10, "no child processes"],
  EAGAIN: [11, "resource temporarily unavailable"],
  ENOMEM: [12, "cannot allocate memory"],
  EACCES: [13, "permission denied"],
  EFAULT: [14, "bad address"],
  ENOTBLK: [15, "block device required"],
  EBUSY: [16, "device or resource busy"],
  EEXIST: [17, "file exists"],
  EXDEV: [18, "invalid cross-device link"],
  ENODEV: [19, "no such device"],
  ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "is a directory"],
  EINVAL: [22, "invalid argument"],
  ENFILE: [23, "too many open files in system"],
  EMFILE: [24, "too many open files"],
  ENOTTY: [25, "inappropriate ioctl for device"],
  ETXTBSY: [26, "text file busy"],
  EFBIG: [27, "file too large"],
  ENOSPC: [28, "no space left on device"],
  ESPIPE: [29, "illegal seek"],
  EROFS: [30, "read-only file system"],
  EMLINK: [31, "too many links"],
  EPIPE: [32, "broken pipe"],
  EDOM: [33, "numerical argument out of domain"],
  ERANGE: [34, "numerical result out of range"],
  EDEADLK: [35, "resource deadlock avoided"],
  ENAMETOOLONG: [36, "file name too long"],
  ENOLCK: [37, "no locks available"],
  ENOSYS: [38, "function not implemented"],
  ENOTEMPTY: [39, "directory not empty"],
  ELOOP: [40, "too many levels of symbolic links"],
  ENOMSG: [42, "no message of desired type"],
  EIDRM: [43, "identifier removed"],
  ECHRNG: [44, "channel number out of range"],
  EL2NSYNC: [45, "level 2 not synchronized"],
  EL3HLT: [46, "level 3 halted"],
  EL3RST: [47, "level 3 reset"],
  ELNRNG: [48, "link number out of range"],
  EUNATCH: [49, "protocol driver not attached"],
  ENOCSI: [50, "no CSI structure available"],
  EL2HLT: [51, "level 2 halted"],
  EBADE: [52, "invalid exchange"],
  EBADR: [53, "invalid request descriptor"],
  EXFULL: [54, "exchange full"],
  ENOANO: [55, "no anode"],
  EBADRQC: [56, "invalid request code"],
  EBADSLT: [57, "invalid slot"],
  EBFONT: [59, "bad font file format"],
  ENOSTR: [60, "device not a stream"],
  ENODATA: [61, "no data available"],
  ETIME: [62, "timer expired"],
  ENOSR: [63, "out of streams resources"],
  ENONET: [64, "machine is not on the network"],
  ENOPKG: [65, "package not installed"],
  EREMOTE: [66, "object is remote"],
  ENOLINK: [67, "link has been severed"],
  EADV: [68, "advertise error"],
  ESRMNT: [69, "srmount error"],
  ECOMM: [70, "communication error on send"],
  EPROTO: [71, "protocol error"],
  EMULTIHOP: [72, "multihop attempted"],
  EDOTDOT: [73, "RFS specific error"],
  EBADMSG: [74, "bad message"],
  EOVERFLOW: [75, "value too large for defined data type"],
  ENOTUNIQ: [76, "name not unique on network"],
  EBADFD: [77, "file descriptor in bad state"],
  EREMCHG: [78, "remote address changed"],
  ELIBACC: [79, "can not access a needed shared library"],
  ELIBBAD: [80, "accessing a corrupted shared library"],
  ELIBSCN: [81, ".lib section in a.out corrupted"],
  ELIBMAX: [82, "attempting to link in too many shared libraries"],
  ELIBEXEC: [83, "cannot exec a shared library directly"],
  EILSEQ: [84, "invalid or incomplete multibyte or wide character"],
  ERESTART: [85, "interrupted system call should be restarted"],
  ESTRPIPE: [86, "streams pipe error"],
  EUSERS: [87, "too many users"],
  ENOTSOCK: [88, "socket operation on non-socket"],
  EDESTADDRREQ: [89, "destination address required"],
  EMSGSIZE: [90, "message too long"],
  EPROTOTYPE: [91, "protocol wrong type for socket"],
  ENOPROTOOPT: [92, "protocol not available"],
  EPROTONOSUPPORT: [93, "protocol not supported"],
  ESOCKTNOSUPPORT: [94, "socket type not supported"],
  EOPNOTSUPP: [95, "operation not supported"],
  EPFNOSUPPORT: [96, "protocol family not supported"],
  EAFNOSUPPORT: [97, "address family not supported by protocol"],
  EADDRINUSE: [98, "address already in use"],
  EADDRNOTAVAIL: [99, "cannot assign requested address"],
  ENETDOWN: [100, "network is down"],
  ENETUNREACH: [101, "network is unreachable"],
  ENETRESET: [102, "network dropped connection on reset"],
  ECONNABORTED: [103, "software caused connection abort"],
  ECONNRESET: [104, "connection reset by peer"],
  ENOBUFS: [105, "no buffer space available"],
  EISCONN: [106, "transport endpoint is already connected"],
  ENOTCONN: [107, "transport endpoint is not connected"],
  ESHUTDOWN: [108, "cannot send after transport endpoint shutdown"],
  ETOOMANYREFS: [109, "too many references: cannot splice"],
  ETIMEDOUT: [110, "connection timed out"],
  ECONNREFUSED: [111, "connection refused"],
  EHOSTDOWN: [112, "host is down"],
  EHOSTUNREACH: [113, "no route to host"],
  EALREADY: [114, "operation already in progress"],
  EINPROGRESS: [115, "operation now in progress"],
  ESTALE: [116, "stale file handle"],
  EUCLEAN: [117, "structure needs cleaning"],
  ENOTNAM: [118, "not a XENIX named type file"],
  ENAVAIL: [119, "no XENIX semaphores available"],
  EISNAM: [120, "is a named type file"],
  EREMOTEIO: [121, "remote I/O error"],
  EDQUOT: [122, "disk quota exceeded"],
  ENOMEDIUM: [123, "no medium found"],
  EMEDIUMTYPE: [124, "wrong medium type"],
  ECANCELED: [125, "operation canceled"],
  ENOKEY: [126, "required key not available"],
  EKEYEXPIRED: [127, "key has expired"],
  EKEYREVOKED: [128, "key has been revoked"],
  EKEYREJECTED: [129, "key was rejected by service"],
  EOWNERDEAD: [130, "owner died"],
  ENOTRECOVERABLE: [131, "state not recoverable"],
  ERFKILL: [132, "operation not possible due to RF-kill"],
  EHWPOISON: [133, "memory page has hardware error"],
} as const satisfies Readonly<Record<string, readonly [number: number, text: string]>>;

/** The symbol of an error number that this library knows. */
export type ErrnoName = keyof typeof ERRNO;

/** Made at the first error, because most programs that start see none. */
let names: ReadonlyMap<number, string> | undefined;

/**
 * The symbol of a positive error number: `errnoName(2)` is `"ENOENT"`. A number
 * that no table has yet becomes `"E999"`, so that nothing is lost.
 */
export function errnoName(errno: number): string {
  names ??= new Map(Object.entries(ERRNO).map(([name, [number]]) => [number, name]));
  return names.get(errno) ?? `E${errno}`;
}

/** What an error number says. */
function errnoText(errno: number): string {
  const name = errnoName(errno);
  return name in ERRNO ? ERRNO[name as ErrnoName][1] : "unknown error";
}

/** What a failed call was about. */
export interface OSErrorDetails {
  /** The call as its man page names it: `"inotify_add_watch"`. */
  readonly syscall: string;
  /** The path, or other object, that the call was about. */
  readonly path?: string | undefined;
  /** The second path of calls that have two. */
  readonly dest?: string | undefined;
  /** What to do about it, as the end of a sentence. */
  readonly hint?: string | undefined;
}

/**
 * A call that the kernel refused, in the shape that Node's and Bun's own system
 * errors have.
 */
export class OSError extends Error {
  static {
    this.prototype.name = "OSError";
  }

  /** The error's symbol: `"ENOENT"`. */
  readonly code: string;
  /** The error number, negative as Node and Bun have it: `-2`. */
  readonly errno: number;
  /** The call that failed: `"inotify_add_watch"`. */
  readonly syscall: string;
  /** The path that the call was about. */
  declare readonly path?: string;
  /** The second path of calls that have two. */
  declare readonly dest?: string;

  /** @param errno The positive error number. */
  constructor(errno: number, details: OSErrorDetails) {
    const code = errnoName(errno);
    const { syscall, path, dest, hint } = details;
    const on = path === undefined ? "" : ` on ${JSON.stringify(path)}`;
    const to = dest === undefined ? "" : ` to ${JSON.stringify(dest)}`;
    super(
      `Cannot ${syscall}${on}${to}: ${errnoText(errno)} (${code})${hint === undefined ? "" : `: ${hint}`}`,
    );
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
    if (path !== undefined) this.path = path;
    if (dest !== undefined) this.dest = dest;
  }
}

/** The caller lacks a privilege: `EPERM`, `EACCES`. */
export class PermissionError extends OSError {
  static {
    this.prototype.name = "PermissionError";
  }
}

/** An argument that the kernel does not accept, or an object in a state that does not allow the call. */
export class ValueError extends OSError {
  static {
    this.prototype.name = "ValueError";
  }
}

/** The kernel has no memory for it: `ENOMEM`. */
export class MemoryError extends OSError {
  static {
    this.prototype.name = "MemoryError";
  }
}

/** The running kernel, or a sandbox round this process, does not have the call: `ENOSYS`. */
export class UnsupportedError extends OSError {
  static {
    this.prototype.name = "UnsupportedError";
  }
}

/** The call did its first half and wants to be repeated: `umount2` with `MNT_EXPIRE`. */
export class RetryError extends OSError {
  static {
    this.prototype.name = "RetryError";
  }
}

/** An error number that the call's table does not list. */
export class UnknownError extends OSError {
  static {
    this.prototype.name = "UnknownError";
  }
}

/** An error that only a defect of this library can cause, such as `EFAULT` for its own memory. */
export class InternalError extends OSError {
  static {
    this.prototype.name = "InternalError";
  }
}

/** One of the exceptions above. */
export type OSErrorClass = new (errno: number, details: OSErrorDetails) => OSError;

/** What one error number of one call becomes: a class, or a class and what to do about it. */
export type ErrorRule = OSErrorClass | readonly [OSErrorClass, hint: string | (() => string)];

/** What each error number of one call becomes. */
export type ErrorMap = { readonly [name in ErrnoName]?: ErrorRule };

/** The tables of a family of calls, by the name of the call. */
export type ErrorMaps = Readonly<Record<string, ErrorMap>>;
