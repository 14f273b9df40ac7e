/** A root that has a program, the C library, and /proc: nothing else, no network, and another user. */
import { chmodSync, chownSync, copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";

import { scripts } from "../../package.json" with { type: "json" };
import { Butter } from "./butter.ts";
import { can, emulated, isMusl, slowness } from "./capabilities.ts";
import { type ChildResult, run } from "./child.ts";
import { type TempDir, tempDir } from "./temp.ts";

const top = new URL("../..", import.meta.url).pathname;

/** Flags of `bun build` that the documentation names. */
export const documented: readonly string[] = scripts.compile
  .split(" ")
  .filter((word) => word.startsWith("--") && word !== "--compile" && word !== "--outfile");

/** The loader of programs for this libc. */
export const loader: string = isMusl
  ? `/lib/ld-musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`
  : process.arch === "x64"
    ? "/lib64/ld-linux-x86-64.so.2"
    : "/lib/ld-linux-aarch64.so.1";

/** Of nobody. */
const USER = 65_534;

/** What lists the libraries of a program, and its loader. */
const ldd: readonly [string, ...string[]] = isMusl ? [loader, "--list"] : ["ldd"];

/** Whether this process can make one. */
export const canMakeRoot: boolean =
  !emulated &&
  can("CAP_SYS_ADMIN") &&
  can("CAP_SYS_CHROOT") &&
  ["unshare", "mount", ldd[0], "sh"].every((program) => Bun.which(program) !== null);

/** For the titles of tests. */
export const rootNeeds: string = canMakeRoot
  ? ""
  : " (needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, unshare and ldd, and no emulation)";

export interface RootOptions {
  /** Options of /proc. */
  readonly proc?: string;
  /** Whether it is root that runs it, and not nobody. */
  readonly asRoot?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** What all of it is run through. */
  readonly through?: readonly string[];
}

export class BareRoot implements Disposable {
  readonly #dir: TempDir = tempDir();

  constructor() {
    // The directory of a test is its owner's alone.
    chmodSync(this.#dir.path, 0o755);
    for (const name of ["proc", "w"]) mkdirSync(this.at(name));
    chownSync(this.at("w"), USER, USER);
    const { stdout } = Bun.spawnSync([...ldd, process.execPath]);
    for (const [, path = ""] of stdout.toString().matchAll(/(?:^\s*|=> )(\/\S+) \(0x/gm)) {
      // musl may be told of another directory by a file, which is not there.
      const place = this.at(isMusl ? `/lib/${basename(path)}` : path);
      mkdirSync(dirname(place), { recursive: true });
      copyFileSync(path, place);
    }
  }

  /** A path in it, as others have it. */
  at(path: string): string {
    return this.#dir.at(path);
  }

  /** Compiles a program into it, as `bun run compile` does if no flags are given. */
  async compile(source: string, name: string, flags = documented): Promise<void> {
    const cmd = [
      process.execPath,
      "build",
      "--compile",
      ...flags,
      source,
      "--outfile",
      this.at(name),
    ];
    const { exitCode, stderr } = await run(cmd, { cwd: top, timeout: 60_000 * slowness });
    if (exitCode !== 0) throw new Error(`Cannot compile ${source}: ${stderr}`);
  }

  /** What runs a program in it, in the directory `/w`. It stays one process. */
  command(name: string, { proc = "", asRoot = false, env = {}, through = [] }: RootOptions = {}) {
    const user = asRoot ? [] : ["--setuid", `${USER}`, "--setgid", `${USER}`];
    const mount = `mount -t proc -o "$1" proc "$2/proc" && shift 2 && exec "$@"`;
    const assigned = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const privately = "unshare --net --mount --propagation private sh -c".split(" ");
    const inside = `unshare --root=${this.#dir.path} --wd=/w`.split(" ");
    return [
      ...through,
      ...privately,
      mount,
      "sh",
      proc === "" ? "rw" : proc,
      this.#dir.path,
      "env",
      "-i",
      ...assigned,
      ...inside,
      ...user,
      `/${name}`,
    ];
  }

  /** Runs a program in it to its end. */
  async run(name: string, args: readonly string[], options?: RootOptions): Promise<ChildResult> {
    return await run([...this.command(name, options), ...args]);
  }

  /** Starts a program in it. */
  start(name: string, args: readonly string[], options?: RootOptions): Butter {
    return Butter.start(args, { cwd: top, program: this.command(name, options) });
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}
