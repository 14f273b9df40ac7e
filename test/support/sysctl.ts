/** A kernel setting, changed for one test. */
import { readFileSync, writeFileSync } from "node:fs";

class Sysctl implements Disposable {
  readonly #path: string;
  readonly #before: string;

  constructor(name: string, value: number) {
    this.#path = `/proc/sys/${name.replaceAll(".", "/")}`;
    this.#before = readFileSync(this.#path, "utf8");
    writeFileSync(this.#path, `${value}`);
  }

  [Symbol.dispose](): void {
    writeFileSync(this.#path, this.#before);
  }
}

/** `using _ = sysctl("fs.inotify.max_queued_events", 16)`; give the file a lock, because it holds for the whole machine. */
export function sysctl(name: string, value: number): Disposable {
  return new Sysctl(name, value);
}
