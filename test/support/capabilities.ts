/** What this process may do on this machine: tests that need more say so and are skipped. */
import { readFileSync } from "node:fs";
import { release } from "node:os";

const capabilities = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_KILL: 5,
  CAP_SETPCAP: 8,
  CAP_NET_ADMIN: 12,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_SYS_TIME: 25,
  CAP_WAKE_ALARM: 35,
} as const;

/** Whether this process has a capability now. */
export function can(capability: keyof typeof capabilities): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return (BigInt(`0x${effective ?? "0"}`) & (1n << BigInt(capabilities[capability]))) !== 0n;
}

/** Whether the running kernel is at least this one: `kernel(6, 13)`. */
export function kernel(major: number, minor: number): boolean {
  const [has = 0, point = 0] = release().split(".").map(Number);
  return has > major || (has === major && point >= minor);
}

/** Whether the tests run under qemu's user-mode emulation, which doesn't translate every call. */
export const emulated: boolean = process.env["BUTTER_EMULATED"] === "1";

/** Whether libc is musl, which answers some calls by itself. */
export const isMusl: boolean = !readFileSync("/proc/self/maps", "utf8").includes("/libc.so.6");

/** How much longer than on a machine of its own everything may take: kernels are tested on an emulated processor. */
export const slowness: number = Number(process.env["BUTTER_SLOWNESS"] ?? 1);
