/** Kernel settings, which hold for the whole machine: who changes one has it alone, and who counts on it waits for that. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";

import { flock, LOCK } from "./direct.ts";

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll(".", "/")}`;

/** A lock on a setting, among tests of all processes. */
class Lock implements Disposable {
  readonly #fd: number;

  constructor(name: string, kind: number) {
    this.#fd = openSync(pathOf(name), "r");
    if (flock(this.#fd, kind) === 0) return;
    closeSync(this.#fd);
    throw new Error(`Cannot lock ${name}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

class Sysctl implements Disposable {
  readonly #lock: Lock;
  readonly #path: string;
  readonly #before: string;

  constructor(name: string, value: number) {
    this.#lock = new Lock(name, LOCK.EX);
    this.#path = pathOf(name);
    this.#before = readFileSync(this.#path, "utf8");
    writeFileSync(this.#path, `${value}`);
  }

  [Symbol.dispose](): void {
    writeFileSync(this.#path, this.#before);
    this.#lock[Symbol.dispose]();
  }
}

/** `using _ = sysctl("fs.inotify.max_queued_events", 16)`: one at a time. */
export function sysctl(name: string, value: number): Disposable {
  return new Sysctl(name, value);
}

/** Does something while a setting is what it is on this machine. */
export function unchanged<T>(name: string, work: () => T): T {
  using _ = new Lock(name, LOCK.SH);
  return work();
}
