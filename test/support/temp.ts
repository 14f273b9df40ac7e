/** Directories that are gone when their test is over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Those that were not disposed, for tests that drop things on purpose. */
const left = new Set<TempDir>();

process.on("exit", () => {
  for (const dir of left) dir[Symbol.dispose]();
});

export class TempDir implements Disposable {
  readonly path: string;

  constructor(base: string) {
    this.path = mkdtempSync(join(base, "butter-"));
    left.add(this);
  }

  /** A path inside it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    left.delete(this);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** `using dir = tempDir()` */
export function tempDir(base: string = tmpdir()): TempDir {
  return new TempDir(base);
}
