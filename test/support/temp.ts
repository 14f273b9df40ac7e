/** Directories that are gone when their test is over. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Mount, tmpfs } from "bun-butter";
import { statfs } from "bun-butter/syscalls";

import { can } from "./capabilities.ts";

const SHM = "/dev/shm";

/** Whether fanotify can name what is in a tmpfs: those of some kernels have no fsid. */
export const namesTmpfs: boolean = existsSync(SHM) && statfs(SHM).f_fsid.some((part) => part !== 0);

/** A directory on tmpfs, where there is one that fanotify can mark. */
export const memory: string = namesTmpfs ? SHM : tmpdir();

/** Those that were not disposed, for tests that drop things on purpose. */
const left = new Set<TempDir>();

process.on("exit", () => {
  for (const dir of left) dir[Symbol.dispose]();
});

export class TempDir implements Disposable {
  readonly path: string;
  readonly #mount: Mount | undefined;

  constructor(base: string) {
    this.path = mkdtempSync(join(base, "butter-"));
    left.add(this);
    // Fanotify hears of all that others do in a file system: in memory each directory has one of its own.
    if (base === SHM && can("CAP_SYS_ADMIN"))
      this.#mount = tmpfs({ target: this.path, mode: 0o700 });
  }

  /** A path inside it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    if (!left.delete(this)) return;
    this.#mount?.unmount({ detach: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** `using dir = tempDir()` */
export function tempDir(base: string = tmpdir()): TempDir {
  return new TempDir(base);
}
