/** Mounts in a mount namespace of a child's own: none is left behind, whatever a test does. */
import type * as fs from "node:fs";

import type * as butter from "bun-butter";
import * as syscalls from "bun-butter/syscalls";

import { can } from "./capabilities.ts";
import { bun, run } from "./child.ts";
import { canRefuse, type Syscall } from "./seccomp.ts";
import { tempDir } from "./temp.ts";

/** What an error says. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
}

/** What a body may use; nothing of its own module is in its reach. */
export interface Tools {
  readonly s: typeof syscalls;
  readonly butter: typeof butter;
  readonly fs: typeof fs;
  /** An empty directory. */
  readonly dir: string;
  /** What a call throws. */
  readonly thrown: (call: () => unknown) => Thrown;
  /** A new empty directory in `dir`. */
  readonly sub: (name: string) => string;
  /** Lines of mountinfo that contain a text. */
  readonly mountinfo: (text: string) => string[];
}

/** Whether this process can have a mount namespace. */
export const canMount: boolean = can("CAP_SYS_ADMIN") && Bun.which("unshare") !== null;

/** Whether this kernel, or what emulates it, has a call. */
export function has(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ENOSYS";
  }
}

const { LSMT, fsopen, mount_setattr, open_tree_attr, statmount } = syscalls;
const attr = { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };

/** Whether there are `fsopen` and its like (Linux 5.2). */
export const hasFsopen: boolean = canMount && has(() => fsopen("", 0));
/** Whether there is `mount_setattr` (Linux 5.12). */
export const hasSetattr: boolean = hasFsopen && has(() => mount_setattr(-1, "", 0, attr));
/** Whether there is `statmount` (Linux 6.8). */
export const hasStatmount: boolean =
  hasSetattr && has(() => statmount({ mnt_id: LSMT.ROOT, param: 0n, mnt_ns_id: 0n }, 512, 0));
/** Whether there is `open_tree_attr` (Linux 6.15). */
export const hasTreeAttr: boolean = hasStatmount && has(() => open_tree_attr(-1, "", 0, attr));

/** This kernel, and where calls can be refused the same one without the calls that Linux 5.2 and later have. */
export const kernels: readonly (readonly [name: string, options: MountsOptions])[] = [
  ["with this kernel's calls", {}],
  ...(canRefuse()
    ? [
        [
          "with those of Linux 5.1",
          {
            without: ["fsopen", "fspick", "open_tree", "mount_setattr", "statmount", "listmount"],
          },
        ] as const,
      ]
    : []),
];

const prelude = `
  import * as fs from "node:fs";
  import * as butter from "bun-butter";
  import * as s from "bun-butter/syscalls";
  const dir = process.env.BUTTER_TEST_DIR;
  const tools = {
    s, butter, fs, dir,
    thrown(call) {
      let result;
      try { result = call(); } catch (error) {
        const { name, message, code, syscall, path } = error;
        return { name, message, code, syscall, path };
      }
      throw new Error("returned " + Bun.inspect(result));
    },
    sub(name) { fs.mkdirSync(dir + "/" + name); return dir + "/" + name; },
    mountinfo: (text) =>
      fs.readFileSync("/proc/self/mountinfo", "latin1").split("\\n").filter((line) => line.includes(text)),
  };
`;

/** How the child runs. */
export interface MountsOptions {
  /** Calls that the child's kernel does not have. */
  readonly without?: readonly Syscall[];
  /** Commands before Bun, such as `setpriv`. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a function in a child with a mount namespace of its own, where nothing propagates, and resolves
 * with what it returns, through JSON (a bigint becomes a string).
 */
export async function inMounts<T>(
  body: (tools: Tools) => T | Promise<T>,
  { through = [], env = {}, without = [] }: MountsOptions = {},
): Promise<T> {
  using dir = tempDir();
  const seccomp = JSON.stringify(new URL("seccomp.ts", import.meta.url).pathname);
  const refuse = `for (const call of ${JSON.stringify(without)}) (await import(${seccomp})).refuse(call, "ENOSYS");`;
  const code = `${prelude}
    ${without.length === 0 ? "" : refuse}
    const result = await (${body.toString()})(tools);
    console.log(JSON.stringify(result, (_, value) => (typeof value === "bigint" ? String(value) : value)));
  `;
  const { stdout, stderr, exitCode, signalCode } = await run(
    ["unshare", "--mount", "--propagation", "private", ...through, bun, "--eval", code],
    { env: { BUTTER_TEST_DIR: dir.path, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0", ...env } },
  );
  if (exitCode !== 0) throw new Error(`${signalCode ?? exitCode}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as T;
}
