/** What a run needs of the machine, and gives back whatever ends it. */
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus as processorsOf, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";

import { CLONE, MNT, mount, MS, umount2, unshare } from "bun-butter/syscalls";

import { bind, size_t } from "../src/libc.ts";

/** What is undone at the end, the latest first. */
const undo: (() => void)[] = [];

process.on("exit", () => {
  for (const action of undo.splice(0).toReversed()) action();
});
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.on(signal, () => process.exit(128 + number));
}

/** Does something when the process ends, by itself, by a signal or by an exception. */
export function atExit(action: () => void): void {
  undo.push(action);
}

/** The compiler, if there is one. */
export const compiler: string | undefined = ["cc", "gcc", "clang"].find((name) => Bun.which(name));

const programs = new Map<string, string>();

/** Compiles a program of `c/`, once, into a directory that goes away. */
export function compiled(name: string): string {
  let program = programs.get(name);
  if (program === undefined) {
    program = join(scratch(), name);
    const source = join(import.meta.dir, "c", `${name}.c`);
    const { exitCode, stderr } = Bun.spawnSync([
      compiler ?? "cc",
      "-O2",
      "-Wall",
      "-o",
      program,
      source,
    ]);
    if (exitCode !== 0) throw new Error(`Cannot compile ${name}.c: ${stderr.toString()}`);
    programs.set(name, program);
  }
  return program;
}

/** A new directory that goes away. */
export function scratch(parent: string = tmpdir()): string {
  const path = mkdtempSync(join(parent, "butter-bench-"));
  atExit(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const TMPFS_MAGIC = 0x01021994;

/** Where files cost the least: `/dev/shm`, else the directory for temporary files. */
const memoryParent = ["/dev/shm", tmpdir()].find(isTmpfs);

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

/** Whether {@linkcode directory} is in memory. */
export const inMemory: boolean = memoryParent !== undefined;

/** A new directory for a writer and its watcher, in memory if there is such a file system. */
export function directory(): string {
  return scratch(memoryParent ?? tmpdir());
}

let isPrivate = false;

/**
 * A new file system in memory, which this process and those that it starts see, and nobody else.
 *
 * @throws {PermissionError} `EPERM`: without CAP_SYS_ADMIN.
 */
export function ownFileSystem(): string {
  const path = scratch();
  if (!isPrivate) {
    // Of the first thread, which starts the processes.
    unshare(CLONE.NEWNS);
    mount(null, "/", null, MS.REC | MS.PRIVATE, null);
    isPrivate = true;
  }
  mount("bench", path, "tmpfs", 0, null);
  atExit(() => umount2(path, MNT.DETACH));
  return path;
}

/**
 * Raises a kernel setting to at least this, for as long as this process lives.
 *
 * @returns What it is now, which is less if only root may raise it.
 */
export function raise(name: string, atLeast: number): number {
  const path = `/proc/sys/${name.replaceAll(".", "/")}`;
  const before = Number(readFileSync(path, "utf8"));
  if (before >= atLeast) return before;
  try {
    writeFileSync(path, `${atLeast}`);
  } catch {
    return before;
  }
  atExit(() => {
    // Somebody else's change since then is theirs.
    if (Number(readFileSync(path, "utf8")) === atLeast) writeFileSync(path, `${before}`);
  });
  return atLeast;
}

const { c, check } = bind(
  {
    sched_setaffinity: {
      args: ["i32" /* pid_t pid */, size_t /* size_t cpusetsize */, "ptr" /* cpu_set_t *mask */],
      returns: "i32",
    },
    sched_getaffinity: {
      args: ["i32" /* pid_t pid */, size_t /* size_t cpusetsize */, "ptr" /* cpu_set_t *mask */],
      returns: "i32",
    },
  },
  { sched_setaffinity: {}, sched_getaffinity: {} },
);

/** `sizeof(cpu_set_t)` */
const CPU_SET_SIZE = 128;

/** The processors that this process may use. */
export function processors(): number[] {
  const mask = new Uint8Array(CPU_SET_SIZE);
  check("sched_getaffinity", c.sched_getaffinity(0, CPU_SET_SIZE, mask));
  return Array.from({ length: CPU_SET_SIZE * 8 }, (_, cpu) => cpu).filter(
    (cpu) => ((mask[cpu >> 3] ?? 0) & (1 << (cpu & 7))) !== 0,
  );
}

/** Lets the first thread of a process run on these processors only; its helpers go where they like. */
export function pin(pid: number, allowed: readonly number[]): void {
  const mask = new Uint8Array(CPU_SET_SIZE);
  for (const cpu of allowed) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  check("sched_setaffinity", c.sched_setaffinity(pid, CPU_SET_SIZE, mask));
}

/** What the figures depend on. */
export function machine(): Readonly<Record<string, string | number>> {
  const cpus = processorsOf();
  return {
    kernel: release(),
    arch: process.arch,
    cpu: cpus[0]?.model ?? "unknown",
    cpus: cpus.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    bun: Bun.version,
    node: version("node"),
    python: version("python3"),
    cc: compiler === undefined ? "none" : version(compiler),
  };
}

function version(program: string): string {
  if (Bun.which(program) === null) return "none";
  const { stdout } = Bun.spawnSync([program, "--version"]);
  return stdout.toString().split("\n")[0] ?? "";
}
