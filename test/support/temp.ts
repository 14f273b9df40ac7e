/** Directories that are gone when their test is over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class TempDir implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "butter-"));

  /** A path inside it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** `using dir = tempDir()` */
export function tempDir(): TempDir {
  return new TempDir();
}
