/**
 * A mount of this process's making, which unmounts itself:
 * {@link https://man7.org/linux/man-pages/man2/umount.2.html | umount(2)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { MNT, UMOUNT, umount2 } from "../syscalls/mount.ts";
import type { MountEntry } from "./mount-entry.ts";
import { holdTop, mountinfoId, placeOf } from "./mount-place.ts";
import { mounts } from "./mounts.ts";

/** How to unmount. */
export interface UnmountOptions {
  /**
   * Out of sight at once with all that is mounted below, and gone when nobody uses it any more.
   *
   * @default false
   */
  readonly detach?: boolean;
  /**
   * Aborts requests of a network file system that does not answer. Data may be lost.
   *
   * @default false
   */
  readonly force?: boolean;
}

const unmountNames: OptionNames<UnmountOptions> = { detach: true, force: true };

/**
 * What `mount()` and its like return. It remembers which mount it made, so that it unmounts this one and
 * never another at the same place; one that somebody else has unmounted is nothing to do. (Before Linux 6.8, and where a sandbox
 * refuses `listmount`, a later mount can have the number of one that somebody else has unmounted, and is taken for it.) Without `using`
 * and {@linkcode unmount} the mount stays, also when the process ends.
 */
export class Mount implements Disposable {
  /** Where it was mounted. */
  readonly target: string;
  /** The mount and, if it was made with some below it, those: parents first. */
  #ids: readonly bigint[];

  /** @internal */
  constructor(target: string, ids: readonly bigint[]) {
    this.target = target;
    this.#ids = ids;
  }

  /** Whether it is still mounted, in this process's mount namespace. */
  get mounted(): boolean {
    return this.#ids.some((id) => placeOf(id) !== undefined);
  }

  /** What is known of it now, wherever it has been moved to; `undefined` if it is gone. */
  info(): MountEntry | undefined {
    const [id] = this.#ids;
    const place = id === undefined ? undefined : placeOf(id);
    return place && mounts().find(({ mountinfoId: old }) => old === place.old);
  }

  /**
   * Unmounts it, and what was bound together with it. Once more is nothing. It looks at the place first, which
   * can wait for a network file system whose server does not answer.
   *
   * @throws {ValueError} `EBUSY`: something uses it, something is mounted below it or on top of it.
   * @throws {PermissionError} `EPERM`: it needs `CAP_SYS_ADMIN` over the mount namespace.
   */
  unmount(options: UnmountOptions = {}): void {
    checkNames(options, unmountNames);
    const { detach = false, force = false } = options;
    const flags = (detach ? MNT.DETACH : 0) | (force ? MNT.FORCE : 0);
    // Children first; detached, the parent takes them along.
    const order = detach ? this.#ids : this.#ids.toReversed();
    for (const id of order) unmountOne(id, flags);
    this.#ids = [];
  }

  /** `using` unmounts it, and throws if something uses it. */
  [Symbol.dispose](): void {
    this.unmount();
  }

  get [Symbol.toStringTag](): string {
    return "Mount";
  }

  /** `Mount { target: "/mnt", mounted: true }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    return `Mount ${inspect({ target: this.target, mounted: this.mounted }, options)}`;
  }
}

function unmountOne(id: bigint, flags: number): void {
  const place = placeOf(id);
  if (place === undefined) return;
  const { old, point } = place;
  let top: number | undefined;
  {
    // Open, it would keep the mount busy.
    using held = holdTop(point);
    top = mountinfoId(held.fd);
  }
  if (top !== old)
    throw new ValueError(ERRNO.EBUSY[0], {
      syscall: "umount2",
      path: typeof point === "string" ? point : new TextDecoder().decode(point),
      hint: "another mount is on top of it: unmount that first",
    });
  umount2(point, flags | UMOUNT.NOFOLLOW);
}
