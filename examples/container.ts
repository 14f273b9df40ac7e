/**
 * A shell in a container: `bun examples/container.ts [CMD…]`, as root.
 *
 * Its root is a file system in memory, with the programs of this machine read-only. It has its own processes, host name
 * and /tmp, and no network. Linux 6.18, for its /proc.
 */
import { existsSync } from "node:fs";

import { spawn } from "bun-butter";

const programs = ["/bin", "/lib", "/lib64", "/usr"].filter((path) => existsSync(path));
const cmd = process.argv.slice(2);

const child = spawn(cmd.length > 0 ? cmd : ["sh"], {
  namespaces: ["mount", "uts", "ipc", "net", "pid", "cgroup"],
  hostname: "butter-box",
  mounts: [
    { target: "/", type: "tmpfs", options: { mode: "755", size: "16m" } },
    ...programs.map((path) => ({ target: path, source: path, flags: ["ro" as const] })),
    { target: "/dev/null", source: "/dev/null" },
    { target: "/proc", type: "proc", flags: ["nosuid", "nodev", "noexec"] },
    { target: "/tmp", type: "tmpfs", options: { mode: "1777", size: "64m" } },
  ],
  env: { PATH: "/usr/bin:/bin", HOME: "/", TERM: process.env["TERM"] },
  stdio: ["inherit", "inherit", "inherit"],
});

// What this process sees is what it saw before.
process.exitCode = await child.exited;
