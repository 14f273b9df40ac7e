/**
 * Runs the suite on arm64: on an arm64 machine as it is, elsewhere what depends on the architecture, under qemu's
 * user-mode emulation. Arguments go to `bun test`, and choose something else.
 *
 * It needs Debian's qemu-user-static and libc6-arm64-cross; Bun for arm64 comes from npm.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Milliseconds for one test: emulation is slow, and slower beside other work. */
const PATIENCE = 60_000;

const qemu = "qemu-aarch64-static";
const sysroot = "/usr/aarch64-linux-gnu";
const top = join(import.meta.dir, "../..");
const cache = join(top, "node_modules/.cache/bun-arm64", Bun.version);

async function run(
  cmd: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = Bun.spawn([...cmd], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

/** A command that is Bun for arm64, here. */
async function emulatedBun(): Promise<string> {
  const bun = join(cache, "node_modules/@oven/bun-linux-aarch64/bin/bun");
  const wrapper = join(cache, "bun");
  if (!existsSync(bun)) {
    await mkdir(cache, { recursive: true });
    await Bun.write(join(cache, "package.json"), '{ "private": true }');
    const add = [
      process.execPath,
      "add",
      "--cpu=arm64",
      "--os=linux",
      `@oven/bun-linux-aarch64@${Bun.version}`,
    ];
    if ((await run(add, cache)) !== 0)
      throw new Error(`Cannot install Bun ${Bun.version} for arm64`);
  }
  await Bun.write(wrapper, `#!/bin/sh\nexec ${qemu} -L ${sysroot} "${bun}" "$@"\n`);
  await chmod(wrapper, 0o755);
  return wrapper;
}

/** What depends on the architecture: calls, layouts, machine code of our own. Above is the same TypeScript everywhere. */
const PARTS = [
  "libc",
  "errors",
  "syscalls/",
  "events/",
  "project/abi",
  // Every source against one contract: minutes under emulation, and nothing that the sources' own tests leave out.
  "--path-ignore-patterns=**/contract.test.ts",
];

const args = process.argv.slice(2);
if (process.arch === "arm64") process.exit(await run([process.execPath, "test", ...args], top));
if (Bun.which(qemu) === null || !existsSync(sysroot)) {
  console.error(
    `Cannot emulate arm64: ${qemu} or ${sysroot} is missing: apt-get install qemu-user-static libc6-arm64-cross`,
  );
  process.exit(1);
}
const bun = await emulatedBun();
process.exit(
  await run([bun, "test", `--timeout=${PATIENCE}`, ...(args.length > 0 ? args : PARTS)], top, {
    BUTTER_EMULATED: "1",
    BUTTER_TEST_BUN: bun,
  }),
);
