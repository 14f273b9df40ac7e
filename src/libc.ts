/**
 * The one place that opens libc: prototypes become callables, results become
 * values or exceptions, JavaScript values become C arguments, and memory that
 * the kernel sees is allocated where no garbage collector moves it.
 *
 * It knows no syscall. Those are in `syscalls/`, which is all that imports it
 * beside the poller's own memory.
 *
 * @module
 */
import {
  dlopen,
  type FFIFunction,
  FFIType,
  type Library,
  type Pointer,
  read,
  toArrayBuffer,
} from "bun:ffi";

import {
  ERRNO,
  type ErrnoName,
  errnoName,
  type ErrorMap,
  type ErrorRule,
  MemoryError,
  OSError,
  PermissionError,
  UnknownError,
  UnsupportedError,
} from "./errors.ts";

/**
 * A module of Node's, loaded when it is needed: importing this package costs a program that starts
 * 1 ms for node:fs and 5 ms for node:stream otherwise.
 */
export const builtin: typeof process.getBuiltinModule = (id: string) =>
  process.getBuiltinModule(id);

/** An address as `bun:ffi` has it: a number. */
export type Address = Pointer;

/** A descriptor, or an object that has one: an event source, a `net.Server`, a `FileHandle`. */
export type FdLike = number | { readonly fd: number } | { fileno(): number };

/** A path: text, exact bytes, or a `file:` URL. */
export type PathLike = string | Uint8Array | URL;

/** `size_t`, as a number where it fits. */
export const size_t = FFIType.u64_fast;

/** `ssize_t` and `long`, as a number where it fits. */
export const ssize_t = FFIType.i64_fast;

// --- Numbers that differ between architectures -------------------------------

const numbers = {
  x64: {
    getdents64: 217,
    io_setup: 206,
    io_destroy: 207,
    io_getevents: 208,
    io_submit: 209,
    io_cancel: 210,
    rt_sigqueueinfo: 129,
    gettid: 186,
    rt_tgsigqueueinfo: 297,
    statx: 332,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    pidfd_getfd: 438,
    memfd_secret: 447,
    prctl: 157,
    seccomp: 317,
    capget: 125,
    capset: 126,
    pivot_root: 155,
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    fspick: 433,
    mount_setattr: 442,
    statmount: 457,
    listmount: 458,
    open_tree_attr: 467,
  },
  arm64: {
    getdents64: 61,
    io_setup: 0,
    io_destroy: 1,
    io_submit: 2,
    io_cancel: 3,
    io_getevents: 4,
    rt_sigqueueinfo: 138,
    gettid: 178,
    rt_tgsigqueueinfo: 240,
    statx: 291,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    pidfd_getfd: 438,
    memfd_secret: 447,
    prctl: 167,
    seccomp: 277,
    capget: 90,
    capset: 91,
    pivot_root: 41,
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    fspick: 433,
    mount_setattr: 442,
    statmount: 457,
    listmount: 458,
    open_tree_attr: 467,
  },
} as const;

const arch = process.arch === "arm64" ? "arm64" : "x64";

/** Numbers of the calls that libc has no function for, on this architecture. */
export const SYS: Readonly<Record<keyof (typeof numbers)["x64"], number>> = numbers[arch];

/** Flags of open that differ. */
export const OPEN = {
  x64: { DIRECT: 0o40000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000 },
  arm64: { DIRECT: 0o200000, DIRECTORY: 0o40000, NOFOLLOW: 0o100000 },
}[arch];

/** `struct epoll_event`: packed on x64 alone. */
export const EPOLL_EVENT = {
  x64: { size: 12, data: 4 },
  arm64: { size: 16, data: 8 },
}[arch];

// --- Calls ---------------------------------------------------------------------

/** The calls of a family, callable. */
export type Calls<Family extends Record<string, FFIFunction>> = Library<Family>["symbols"];

/**
 * Returns a result that is not -1, and throws what the table makes of `errno`
 * for one that is. Nothing may run between the call and this.
 */
export type Check<Errors> = <Result extends number | bigint>(
  call: keyof Errors & string,
  result: Result,
  path?: PathLike | PinnedString,
  dest?: PathLike,
) => Result;

/**
 * The prototype of `long syscall(long number, …)` with the parameters of one call, for those that libc has no function for. The number
 * is one of {@linkcode SYS}.
 */
export function numbered<const Args extends readonly NonNullable<FFIFunction["args"]>[number][]>(
  ...args: Args
): { readonly args: readonly [typeof ssize_t, ...Args]; readonly returns: typeof ssize_t } {
  return { args: [ssize_t, ...args], returns: ssize_t };
}

/** What {@linkcode bind} makes of a family. */
export interface Bound<Family extends Record<string, FFIFunction>, Errors> {
  /** libc's functions. */
  readonly c: Calls<Family>;
  readonly check: Check<Errors>;
  /** Whether the call that just failed would have had to wait, or was interrupted before it began. */
  readonly wouldBlock: () => boolean;
}

/** A function of libc, with its address. */
type Traced = ((...args: unknown[]) => unknown) & { readonly ptr?: Address | undefined };

/** glibc's name first: on musl systems with a glibc shim it leads to musl as well. */
const libcNames = [
  "libc.so.6",
  arch === "x64" ? "libc.musl-x86_64.so.1" : "libc.musl-aarch64.so.1",
] as const;

let libcName: string | undefined;

/** The name that libc is opened by. */
export function libcPath(): string {
  return (libcName ??= canOpen(libcNames[0]) ? libcNames[0] : libcNames[1]);
}

function canOpen(name: string): boolean {
  try {
    dlopen(name, { getpid: { args: [], returns: "i32" } });
    return true;
  } catch {
    return false;
  }
}

function open<Family extends Record<string, FFIFunction>>(family: Family): Calls<Family> {
  return dlopen(libcPath(), family).symbols;
}

/**
 * Opens a family one by one, for a libc that lacks one of its functions: calling
 * that one throws, the others work.
 */
function openEach(family: Record<string, FFIFunction>): Record<string, unknown> {
  const calls: Record<string, unknown> = {};
  for (const [name, prototype] of Object.entries(family)) {
    try {
      calls[name] = open({ [name]: prototype })[name];
    } catch {
      calls[name] = () => {
        throw new UnsupportedError(ERRNO.ENOSYS[0], {
          syscall: name,
          hint: "this libc does not have it",
        });
      };
    }
  }
  return calls;
}

let errnoAddress = 0 as Address;

/** `errno` of the last failed call in this thread. */
function errno(): number {
  return read.i32(errnoAddress, 0);
}

const EINTR = ERRNO.EINTR[0];
const EAGAIN = ERRNO.EAGAIN[0];

function wouldBlock(): boolean {
  const error = errno();
  return error === EAGAIN || error === EINTR;
}

function load(family: Record<string, FFIFunction>): Record<string, unknown> {
  // Before any call of the family, because looking it up later would overwrite errno.
  if (errnoAddress === 0) {
    errnoAddress = open({
      __errno_location: { args: [], returns: "ptr" },
    }).__errno_location() as Address;
  }
  let calls: Record<string, unknown>;
  try {
    calls = open(family);
  } catch {
    calls = openEach(family);
  }
  return process.env["BUTTER_DEBUG"] === "1" ? allTraced(calls) : calls;
}

function allTraced(calls: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [name, traced(name, call as Traced)]),
  );
}

/** A call that prints itself to stderr, and leaves `errno` as it was. */
function traced(name: string, call: Traced): Traced {
  const location = new Int32Array(toArrayBuffer(errnoAddress, 0, 4));
  const print = (...args: unknown[]) => {
    const result = call(...args);
    const error = errno();
    const shown = args.map(shownArgument).join(", ");
    const failed = result === -1 || result === -1n ? ` ${errnoName(error)}` : "";
    builtin("node:fs").writeSync(2, `butter: ${name}(${shown}) = ${result}${failed}\n`);
    location[0] = error;
    return result;
  };
  return Object.assign(print, { ptr: call.ptr });
}

function shownArgument(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  return typeof value === "string" ? JSON.stringify(value) : `${value}`;
}

/**
 * Prototypes of one family of libc's functions, and what their errors become.
 * libc is opened at the first call, not at import; with `BUTTER_DEBUG=1` each
 * call is printed to stderr with its arguments and its result.
 */
export function bind<
  const Family extends Record<string, FFIFunction>,
  const Errors extends Record<string, ErrorMap>,
>(family: Family, errors: Errors): Bound<Family, Errors> {
  const calls: Record<string, unknown> = {};
  for (const name of Object.keys(family)) {
    calls[name] = (...args: unknown[]) => {
      // The stubs are replaced, so that the engine sees libc's own functions from now on.
      Object.assign(calls, load(family));
      return (calls[name] as Traced)(...args);
    };
  }
  const check: Check<Errors> = (call, result, path, dest) => {
    if (result !== -1 && result !== -1n) return result;
    throw failure(call, errno(), errors[call], path, dest);
  };
  return { c: calls as Calls<Family>, check, wouldBlock };
}

/** The address of one of libc's variables. */
export function variable(name: string): Address {
  const { [name]: symbol } = open({ [name]: { args: [], returns: "void" } });
  return (symbol as unknown as { readonly ptr: Address }).ptr;
}

/** The exception that a table makes of an error number. */
export function failure(
  syscall: string,
  number: number,
  map: ErrorMap | undefined,
  path?: PathLike | PinnedString,
  dest?: PathLike,
): OSError {
  const rule: ErrorRule = map?.[errnoName(number) as ErrnoName] ?? UnknownError;
  const [Class, advice] = typeof rule === "function" ? [rule] : rule;
  return new Class(number, {
    syscall,
    path: path === undefined ? undefined : pathText(path),
    dest: dest === undefined ? undefined : pathText(dest),
    hint: typeof advice === "function" ? advice() : advice,
  });
}

/** The rows that every call's table has: a kernel without the call, and a sandbox that refuses it. */
export function since(kernel: string): { readonly ENOSYS: ErrorRule; readonly EPERM: ErrorRule } {
  return {
    ENOSYS: [
      UnsupportedError,
      () =>
        `it needs Linux ${kernel} (this is ${builtin("node:os").release()}), unless a sandbox such as seccomp refuses it`,
    ],
    EPERM: [PermissionError, "a sandbox such as seccomp refuses it"],
  };
}

/** What a feature needs, and what it is called. */
export type Newer = readonly [kernel: string, what: string] | undefined;

/** An `EINVAL` of a kernel that lacks what it was asked for says so. */
export function newer(error: unknown, needs: Newer): unknown {
  if (!(error instanceof OSError) || error.code !== "EINVAL" || needs === undefined) return error;
  const [kernel, what] = needs;
  if (isSince(kernel)) return error;
  return new UnsupportedError(ERRNO.EINVAL[0], {
    syscall: error.syscall,
    path: error.path,
    hint: `${what} needs Linux ${kernel} (this is ${builtin("node:os").release()})`,
  });
}

/** Whether the running kernel is at least this one: `"6.13"`. */
export function isSince(kernel: string): boolean {
  const [major = 0, minor = 0] = builtin("node:os").release().split(".").map(Number);
  const [needsMajor = 0, needsMinor = 0] = kernel.split(".").map(Number);
  return major > needsMajor || (major === needsMajor && minor >= needsMinor);
}

/** The value of a sysctl for an error's hint, `"unknown"` where /proc does not tell. */
export function sysctl(name: string): string {
  try {
    return builtin("node:fs")
      .readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8")
      .trim();
  } catch {
    return "unknown";
  }
}

/**
 * The sysctl that limits a user here. A namespace of users counts what all of it has as well, for a limit of its own, which is not that
 * of `fs.inotify` and its like: the lower one counts.
 *
 * @param name Such as `fs.inotify.max_user_watches`.
 */
export function userLimit(name: string): { readonly name: string; readonly value: string } {
  const other = name.replace(/^fs\.(\w+)\.max_user_(\w+)$/, "user.max_$1_$2");
  const [value, own] = [sysctl(name), sysctl(other)];
  return Number(own) < Number(value) ? { name: other, value: own } : { name, value };
}

/** The same for an error's hint. */
export function raiseUserLimit(name: string): string {
  const limit = userLimit(name);
  return `raise ${limit.name} (${limit.value} now)`;
}

/** For the hint of an `EMFILE` that says the same of a limit of the user and of that of open descriptors: which of them it was. */
export function raiseUserLimitOrDescriptors(name: string): string {
  return hasDescriptors()
    ? raiseUserLimit(name)
    : "this process is at its limit of open descriptors (ulimit -n)";
}

/** Whether this process may open one more. */
function hasDescriptors(): boolean {
  const { closeSync, openSync } = builtin("node:fs");
  try {
    // The kernel takes a descriptor before it looks at the path.
    closeSync(openSync("/", "r"));
    return true;
  } catch (error) {
    return (error as { readonly code?: unknown }).code !== "EMFILE";
  }
}

// --- Arguments -----------------------------------------------------------------

/** An `int`. `bun:ffi` makes 0 of anything else, and 0 is stdin. */
export function int(value: number, name: string): number {
  if (typeof value === "number" && (value | 0) === value) return value;
  throw badInteger(value, name, "-2147483648 to 2147483647");
}

/** An `unsigned int`. What JavaScript's signed bit operators make of its highest bit is taken as well. */
export function uint(value: number, name: string): number {
  if (typeof value === "number" && (value >>> 0 === value || (value | 0) === value))
    return value >>> 0;
  throw badInteger(value, name, "0 to 4294967295");
}

/** A `size_t`. */
export function size(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw badInteger(value, name, "0 to 9007199254740991");
}

/** A `uint64_t`. */
export function uint64(value: number | bigint, name: string): bigint {
  if (typeof value === "bigint" && BigInt.asUintN(64, value) === value) return value;
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw badInteger64(value, name, "0 to 18446744073709551615");
}

/** An `int64_t`. */
export function int64(value: number | bigint, name: string): bigint {
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return value;
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw badInteger64(value, name, "-9223372036854775808 to 9223372036854775807");
}

function badInteger(value: unknown, name: string, range: string): Error {
  return typeof value === "number"
    ? outOfRange(value, name, range)
    : new TypeError(`Cannot take ${name}: expected an integer, got ${described(value)}`);
}

function badInteger64(value: unknown, name: string, range: string): Error {
  return typeof value === "bigint"
    ? outOfRange(value, name, range)
    : badInteger(value, name, range);
}

function outOfRange(value: number | bigint, name: string, range: string): RangeError {
  return new RangeError(`Cannot take ${name}: ${value} is not an integer from ${range}`);
}

/** The number of a descriptor, or of an object that has one. It is borrowed, never closed. */
export function fileno(fd: FdLike): number {
  return typeof fd === "number" && (fd | 0) === fd ? fd : filenoOf(fd);
}

function filenoOf(fd: FdLike): number {
  if (typeof fd === "number") return int(fd, "fd");
  if (typeof fd === "object" && fd !== null) {
    if ("fileno" in fd && typeof fd.fileno === "function") return int(fd.fileno(), "fileno()");
    if ("fd" in fd) return int(fd.fd, "fd");
  }
  throw new TypeError(
    `Cannot take fd: expected an integer or an object with fd or fileno(), got ${described(fd)}`,
  );
}

/**
 * A C string for one call. Text with a NUL inside would be cut there, and text
 * with half a surrogate pair would name another file: both are refused.
 */
export function cstring(value: PathLike, name: string): string | Uint8Array;
export function cstring(
  value: PathLike | PinnedString,
  name: string,
): string | Uint8Array | Address;
export function cstring(
  value: PathLike | PinnedString,
  name: string,
): string | Uint8Array | Address {
  if (value instanceof PinnedString) return value.address;
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed()) throw badText(value, name);
    return value;
  }
  if (value instanceof Uint8Array) {
    const { length } = value;
    const terminated = new Uint8Array(length + 1);
    // One by one: paths are short, and each of `includes` and `set` takes as long as fifty bytes.
    for (let at = 0; at < length; at++) {
      const byte = value[at] ?? 0;
      if (byte === 0) throw badText(pathText(value), name);
      terminated[at] = byte;
    }
    return terminated;
  }
  return cstring(urlPath(value, name), name);
}

function badText(text: string, name: string): TypeError {
  const flaw = text.includes("\0")
    ? "contains a NUL"
    : "is not well-formed Unicode, give its bytes";
  return new TypeError(`Cannot take ${name}: ${JSON.stringify(text)} ${flaw}`);
}

function urlPath(url: URL, name: string): string {
  if (!(url instanceof URL)) {
    throw new TypeError(
      `Cannot take ${name}: expected a string, a Uint8Array or a file: URL, got ${described(url)}`,
    );
  }
  if (url.protocol !== "file:")
    throw new TypeError(`Cannot take ${name}: ${url.href} is not a file: URL`);
  const path = Bun.fileURLToPath(url);
  // What Bun makes of percent-encoded bytes that are not UTF-8, and no URL's path otherwise.
  if (path === "")
    throw new TypeError(`Cannot take ${name}: ${url.href} is not UTF-8, give its bytes`);
  return path;
}

/** A path as text, for messages and for joining. Bytes that are not UTF-8 become U+FFFD. */
export function pathText(path: PathLike | PinnedString): string {
  if (typeof path === "string") return path;
  if (path instanceof PinnedString) return new TextDecoder().decode(path.bytes);
  return path instanceof URL ? Bun.fileURLToPath(path) : new TextDecoder().decode(path);
}

/** The most of a text that a message shows. */
const SHOWN = 40;

/** What came in place of what was expected, for a message: a value that says itself what it is, else what it is. */
export function described(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  if (value instanceof RegExp) return `the regular expression ${value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `an instance of ${name}`
    : "an object";
}

// --- Memory --------------------------------------------------------------------

const memory_errors = { malloc: { ENOMEM: MemoryError } } as const;

const memory = bind(
  {
    calloc: { args: [size_t /* nmemb */, size_t /* size */], returns: "ptr" },
    free: { args: ["ptr" /* void *ptr */], returns: "void" },
  },
  memory_errors,
);

/** `toArrayBuffer` with the C function that frees the memory, which its types leave out. */
const owningArrayBuffer = toArrayBuffer as unknown as (
  address: Address,
  byteOffset: number,
  byteLength: number,
  context: Address,
  deallocator: Address,
) => ArrayBuffer;

/** Memory, and the C function `free(address, context)` that takes it back. */
export interface Allocation {
  readonly address: Address;
  readonly context: Address;
  readonly free: Address;
}

function allocate(byteLength: number): Allocation {
  if (size(byteLength, "byteLength") === 0)
    throw new RangeError("Cannot take byteLength: 0 is not at least 1");
  const address = memory.c.calloc(1, byteLength) as Address | null;
  if (address === null) throw failure("malloc", ERRNO.ENOMEM[0], memory_errors.malloc);
  // libc's free has one parameter, and does not see the context.
  return { address, context: address, free: addressOf(memory.c.free) };
}

/** Where a function of libc is. There is none before the first call of its family. */
export function addressOf(call: unknown): Address {
  return (call as { readonly ptr: Address }).ptr;
}

/**
 * Memory that stays where it is: allocated by libc or mapped, zeroed, and freed when it is
 * disposed, when nothing refers to it any more, or when its Worker ends. After
 * disposal its views have length 0 and its address throws, so that a late use is
 * an exception and not a read of freed memory.
 */
export class Pinned implements Disposable {
  #address: Address;
  readonly #buffer: ArrayBuffer;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its bytes in units of four, as far as they go: compared faster than one read at an address after another. */
  readonly words: Int32Array<ArrayBuffer>;
  /** Its bytes, for structs. */
  readonly view: DataView<ArrayBuffer>;

  /** @param allocation Owned from here on, also if this throws. */
  constructor(byteLength: number, allocation: Allocation = allocate(byteLength)) {
    const { address, context, free } = allocation;
    this.#address = address;
    try {
      this.#buffer = owningArrayBuffer(address, 0, byteLength, context, free);
    } catch {
      // More than an ArrayBuffer can have, and Bun has freed it.
      throw failure("malloc", ERRNO.ENOMEM[0], memory_errors.malloc);
    }
    this.bytes = new Uint8Array(this.#buffer);
    this.words = new Int32Array(this.#buffer, 0, byteLength >>> 2);
    this.view = new DataView(this.#buffer);
  }

  /** Where it is. Keep the object, not this number: the number alone keeps nothing alive. */
  get address(): Address {
    if (this.#address === 0) throw new TypeError("Cannot use pinned memory: it was freed");
    return this.#address;
  }

  /** How many bytes it has, 0 after disposal. */
  get byteLength(): number {
    // Of an array, because the engine reads that without a call.
    return this.bytes.length;
  }

  /** Frees it. Once more is nothing. */
  [Symbol.dispose](): void {
    this.#address = 0 as Address;
    // Moving the buffer to nothing detaches every view and runs libc's free.
    if (!this.#buffer.detached) this.#buffer.transfer(0);
  }
}

/** A C string that is in pinned memory already, so that a call takes its address and no copy of it. */
export class PinnedString {
  readonly #block: Pinned;
  /** Where it begins. */
  offset = 0;

  /** @param block Who writes to it ends the string with a NUL. */
  constructor(block: Pinned) {
    room(block, "block");
    this.#block = block;
  }

  /** Its bytes without the NUL, as long as nothing is written there. */
  get bytes(): Uint8Array {
    return this.#block.bytes.subarray(this.offset, this.#end());
  }

  /** Where it is. */
  get address(): Address {
    const { address, bytes } = this.#block;
    const { length } = bytes;
    // A NUL in the last byte ends every string, and most have one there.
    const isEnded = bytes[length - 1] === 0 && this.offset >= 0 && this.offset < length;
    if (!isEnded) this.#end();
    return (address + this.offset) as Address;
  }

  /** Where its NUL is. */
  #end(): number {
    const { bytes } = this.#block;
    let at = this.offset;
    while (at < bytes.length && bytes[at] !== 0) at++;
    if (this.offset >= 0 && at < bytes.length) return at;
    throw new RangeError(`Cannot take string: no NUL ends it in its ${bytes.length} bytes`);
  }
}

/**
 * The address of pinned memory with room for `byteLength` bytes. `bun:ffi` makes NULL of what has none.
 */
export function room(block: Pinned, name: string, byteLength: number = 0): Address {
  if (!(block instanceof Pinned)) throw notPinned(block, name);
  const { address } = block;
  if (block.byteLength >= byteLength) return address;
  throw new RangeError(
    `Cannot take ${name}: its ${block.byteLength} bytes are fewer than ${byteLength}`,
  );
}

function notPinned(value: unknown, name: string): TypeError {
  return new TypeError(`Cannot take ${name}: expected pinned memory, got ${described(value)}`);
}

/** Allocates {@linkcode Pinned} memory of `byteLength` zeroed bytes. */
export function pinned(byteLength: number): Pinned {
  return new Pinned(byteLength);
}
