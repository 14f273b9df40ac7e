/** Directories that are gone when their test is over. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Mount, tmpfs } from "bun-butter";

import { can } from "./capabilities.ts";

/** A directory on tmpfs, where there is one. */
export const memory: string = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

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
    if (base === memory && can("CAP_SYS_ADMIN"))
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
