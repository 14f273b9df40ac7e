/**
 * Files that are memory, with seals and maps:
 * {@link https://man7.org/linux/man-pages/man2/memfd_create.2.html | memfd_create(2)}.
 *
 * @module
 */
import { ERRNO, OSError, ValueError } from "../errors.ts";
import { prepareAdopted } from "../events/adopt.ts";
import { checkBoolean, checkNames, type OptionNames } from "../events/options.ts";
import { builtin, newer, type Pinned } from "../libc.ts";
import { fd_name } from "../syscalls/fd.ts";
import { F_SEAL, fcntl_add_seals, fcntl_get_seals } from "../syscalls/memfd.ts";
import { MAP, mmap_pinned } from "../syscalls/mman.ts";
import { pwrite } from "../syscalls/pread.ts";
import { ftruncate } from "../syscalls/truncate.ts";
import {
  create,
  lengthOf,
  type MemfdOptions,
  type MemfdSeal,
  optionNames,
  seals,
} from "./memfd-options.ts";
import { checkUnowned, OwnedFd } from "./owned-fd.ts";

/** Options of {@linkcode Memfd.map}. */
export interface MemfdMapOptions {
  /**
   * Keeps what is written to the map in the map, and possible for a file that is sealed against writing.
   *
   * @default false
   */
  readonly readonly?: boolean;
}

const mapNames: OptionNames<MemfdMapOptions> = { readonly: true };

/** Hands the descriptor of {@linkcode Memfd.adopt} to the constructor. */
const ADOPTED = Symbol("adopted");

interface Adopted {
  readonly [ADOPTED]?: number;
}

/**
 * A file in memory, which is gone with its last descriptor and its last map.
 *
 * Each object owns its descriptor. To use one file from several Workers, give each a duplicate to own: post `dup(memfd)` (from
 * `bun-butter/syscalls`) and let the Worker {@linkcode Memfd.adopt} that number. A child process gets it as one of its
 * `stdio`: `Bun.spawn(cmd, { stdio: ["inherit", "inherit", "inherit", memfd.fd] })` makes it the child's descriptor 3, and the child
 * adopts 3. All of them share the position too, where reads and writes without an offset go on.
 *
 * @example
 * ```ts
 * import { Memfd } from "bun-butter";
 *
 * using memfd = new Memfd("greeting", { bytes: new TextEncoder().encode("hello") });
 * memfd.seal("write", "shrink", "grow", "seal");
 * console.log(await Bun.file(memfd.path).text(), memfd.seals); // hello [ "seal", "shrink", "grow", "write" ]
 * ```
 */
export class Memfd extends OwnedFd {
  readonly #maps = new Set<Pinned>();

  /**
   * Makes one, closed by execve.
   *
   * @param name For debugging, at most 249 bytes; need not be unique.
   * @throws {RangeError} `size` is no integer of at least 0, or less than `bytes` has.
   * @throws {ValueError} `EINVAL`: the name is too long, or no size for huge pages.
   * @throws {PermissionError} `EPERM`: huge pages need `CAP_IPC_LOCK`. `EACCES`: vm.memfd_noexec.
   * @throws {UnsupportedError} `ENODEV`: no huge pages of that size. `ENOSYS`: no `secret` ones. `EINVAL`:
   * `executable` before Linux 6.3.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit. `ENOSPC`, `EFBIG`: too long.
   */
  constructor(name: string | Uint8Array, options: MemfdOptions = {}) {
    checkNames(options, optionNames);
    const adopted = (options as Adopted)[ADOPTED];
    const length = adopted === undefined ? lengthOf(options) : 0;
    super(adopted ?? create(name, options));
    if (adopted !== undefined) return;
    try {
      if (length > 0) ftruncate(this, length);
      if (options.bytes !== undefined) this.#fill(options.bytes);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Takes over a memfd that was made elsewhere, makes it close-on-exec, and owns it from then on.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not a memfd; it stays the caller's. `EBUSY`: an object
   * owns it already.
   */
  static adopt(fd: number): Memfd {
    checkUnowned(fd);
    prepareAdopted(fd, /^\/(memfd:[^]*|secretmem) \(deleted\)$/, "memfd");
    return new Memfd("", { [ADOPTED]: fd } as MemfdOptions);
  }

  /** What it was called. Empty if /proc does not tell. */
  get name(): string {
    return /^\/memfd:([^]*) \(deleted\)$/.exec(fd_name(this.fileno()) ?? "")?.[1] ?? "";
  }

  /**
   * Where `Bun.file`, `Bun.spawn` and `dlopen` find it, in this process: `/proc/self/fd/N`. Another process, and the interpreter of
   * a script, find it at `/proc/PID/fd/N` as long as this object is open.
   */
  get path(): string {
    return `/proc/self/fd/${this.fileno()}`;
  }

  /** How many bytes it has. */
  get size(): number {
    return builtin("node:fs").fstatSync(this.fileno()).size;
  }

  /**
   * Zeroes are added, or what is behind is lost.
   *
   * @throws {RangeError} Not an integer of at least 0.
   * @throws {PermissionError} `EPERM`: sealed against that, which every map does for `"shrink"`.
   * @throws {ValueError} `EFBIG`: too long. `EINVAL`: not a multiple of its huge pages.
   */
  set size(bytes: number) {
    ftruncate(this, bytes);
  }

  /** What is sealed. Without `sealable`, `"seal"` alone. */
  get seals(): MemfdSeal[] {
    const set = fcntl_get_seals(this.fileno());
    return (Object.keys(seals) as MemfdSeal[]).filter((seal) => (set & seals[seal]) !== 0);
  }

  /**
   * Forbids something to everybody who has the file, for good. Once more is nothing.
   *
   * @throws {ValueError} `EBUSY`: `"write"` while it is mapped for writing; {@linkcode unmap} first, or seal `"future-write"`.
   * `EPERM`: no more seals can be added.
   * @throws {UnsupportedError} `EINVAL`: `"exec"` before Linux 6.3.
   */
  seal(...names: readonly MemfdSeal[]): void {
    let mask = 0;
    for (const name of names) {
      if (!Object.hasOwn(seals, name)) {
        throw new TypeError(
          `Cannot take seal: ${JSON.stringify(name)} is none of ${Object.keys(seals).join(", ")}`,
        );
      }
      mask |= seals[name];
    }
    const missing = mask & ~fcntl_get_seals(this.fileno());
    if (missing === 0) return;
    try {
      fcntl_add_seals(this, missing);
    } catch (error) {
      throw newer(error, names.includes("exec") ? ["6.3", 'the seal "exec"'] : undefined);
    }
  }

  /**
   * The file as memory: all of it, as long as it is now. What one writes, every map and every reader sees at once.
   *
   * The view lives until {@linkcode unmap} or {@linkcode close}; from then on it is empty: its length is 0, its elements are
   * `undefined`, and a `DataView` or `Atomics` throw. One that an asynchronous call such as `zlib.gzip()` works on right then is not
   * pulled away from it: its memory is given back when nobody refers to it any more.
   *
   * A file that shrinks while it is mapped ends a process that looks behind its end, so mapping seals it against
   * that, for everybody. It can still grow: what is behind is seen by the next map.
   *
   * @throws {ValueError} `EINVAL`: it is empty. `EPERM`: not sealed against shrinking, and can't be.
   * @throws {PermissionError} `EPERM`: sealed against writing; a `readonly` map is possible.
   * @throws {MemoryError} `ENOMEM`: no huge pages are left, or it is too large.
   */
  map(options: MemfdMapOptions = {}): Uint8Array<ArrayBuffer> {
    checkNames(options, mapNames);
    const fd = this.fileno();
    const { readonly = false } = options;
    checkBoolean(readonly, "readonly");
    this.#keepSize();
    // A private map can be written to, although the file is not: JavaScript has no memory to read only.
    const flags = readonly ? MAP.PRIVATE : MAP.SHARED;
    const block = mmap_pinned(this.size, flags, fd, 0);
    this.#maps.add(block);
    return block.bytes;
  }

  /** Ends one map, or all. A view that is none of its maps is left alone. */
  unmap(view?: Uint8Array): void {
    if (view !== undefined && !(view instanceof Uint8Array))
      throw new TypeError("Cannot take view: expected what map() returned");
    for (const block of this.#maps) {
      if (view !== undefined && block.bytes !== view) continue;
      this.#maps.delete(block);
      block[Symbol.dispose]();
    }
  }

  /** Closes the descriptor, and ends every map. Once more is nothing. */
  override close(): void {
    this.unmap();
    super.close();
  }

  get [Symbol.toStringTag](): string {
    return "Memfd";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { name, size: bytes } = this;
    return { name, size: bytes, maps: this.#maps.size };
  }

  #fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) at += pwrite(this, bytes.subarray(at), at);
  }

  /** Makes sure that a map never lies behind the end. */
  #keepSize(): void {
    const fd = this.fileno();
    // It has no seals, and its size can be set but once.
    if (fd_name(fd) === "/secretmem (deleted)") return;
    if ((fcntl_get_seals(fd) & F_SEAL.SHRINK) !== 0) return;
    try {
      fcntl_add_seals(fd, F_SEAL.SHRINK);
    } catch (error) {
      if (!(error instanceof OSError && error.code === "EPERM")) throw error;
      throw new ValueError(ERRNO.EPERM[0], {
        syscall: "map",
        path: this.name,
        hint: "it could shrink, which would end a process that maps it: seal it, or make it sealable",
      });
    }
  }
}
