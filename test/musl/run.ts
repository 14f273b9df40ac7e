/**
 * Runs the suite with musl: where Bun is built for it as it is, elsewhere with Bun for musl from npm, in a mount
 * namespace in which musl's directory has what that needs. Arguments go to `bun test`, and choose something.
 *
 * It needs root, Debian's musl, and g++. That has no libstdc++ for musl, so one is put together of the few functions that
 * Bun needs: it can't throw, and is for tests alone.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { isMusl } from "../support/capabilities.ts";
import { tempDir } from "../support/temp.ts";

/** Milliseconds for one test: the suite's own do not know how busy this machine is. */
const PATIENCE = 60_000;

const machine = process.arch === "x64" ? "x86_64" : "aarch64";
const libc = `/lib/${machine}-linux-musl/libc.so`;
const name = `bun-linux-${process.arch === "x64" ? "x64" : "aarch64"}-musl`;
const top = join(import.meta.dir, "../..");
const cache = join(top, "node_modules/.cache/bun-musl", Bun.version);

async function exitOf(cmd: readonly string[], cwd: string): Promise<number> {
  return await Bun.spawn([...cmd], { cwd, stdio: ["ignore", "inherit", "inherit"] }).exited;
}

async function run(cmd: readonly string[], cwd: string = top): Promise<void> {
  if ((await exitOf(cmd, cwd)) !== 0) throw new Error(`Cannot run ${cmd.join(" ")}`);
}

async function text(cmd: readonly string[]): Promise<string> {
  return await Bun.$`${cmd}`.text();
}

/** Bun for musl. */
async function bunForMusl(): Promise<string> {
  const bun = join(cache, "node_modules/@oven", name, "bin/bun");
  if (existsSync(bun)) return bun;
  mkdirSync(cache, { recursive: true });
  await Bun.write(join(cache, "package.json"), '{ "private": true }');
  await run([process.execPath, "add", `@oven/${name}@${Bun.version}`], cache);
  return bun;
}

/** What libstdc++ takes of glibc, and musl lacks. */
const SHIM = `
  #include <sys/random.h>
  void *__dso_handle __attribute__((visibility("hidden"))) = 0;
  char __libc_single_threaded = 0;
  unsigned arc4random(void) { unsigned v; getrandom(&v, sizeof v, 0); return v; }
  int _dl_find_object(void *address, void *result) { return -1; }
`;

/** Puts the part of libstdc++ that Bun needs into a library. */
async function libstdcxx(bun: string, target: string): Promise<void> {
  const symbols = (list: string): string[] => list.match(/(?<= [UTVWBDRwv] )[^\s@]+/g) ?? [];
  const here = new Set(symbols(await text(["nm", "-D", "--defined-only", libc])));
  const undefinedHere = symbols(await text(["nm", "-D", bun])).filter((one) => !here.has(one));
  const classes = ["__vmi", "__si", ""].map((kind) => {
    const type = `${kind === "" ? "__" : `${kind}_`}class_type_info`;
    return `_ZTVN10__cxxabiv1${type.length}${type}E`;
  });
  const needed = new Set([...undefinedHere, ...classes, "__gxx_personality_v0"]);
  const archives = ["libstdc++.a", "libgcc_eh.a", "libgcc.a"];
  const paths = archives.map(async (one) =>
    (await text(["g++", `-print-file-name=${one}`])).trim(),
  );
  const take = [...needed].filter((one) =>
    /^_Z|^__cxa|^__gxx|^__dyn|frame_info$|^__once/.test(one),
  );
  await Bun.write(`${target}.c`, SHIM);
  const link = "g++ -shared -nostdlib -fPIC -fno-builtin".split(" ");
  const code = ["-x", "c", `${target}.c`, "-x", "none"];
  const wanted = take.map((symbol) => `-Wl,-u,${symbol}`);
  const group = ["-Wl,--start-group", ...(await Promise.all(paths)), "-Wl,--end-group"];
  await run([...link, ...code, ...wanted, ...group, "-o", target]);
}

const args = process.argv.slice(2);
const test = ["test", `--timeout=${PATIENCE}`, "--path-ignore-patterns=test/limits/**", ...args];
if (isMusl) process.exit(await exitOf([process.execPath, ...test], top));
if (!existsSync(libc) || Bun.which("g++") === null || process.getuid?.() !== 0) {
  console.error("Cannot run with musl: it takes root, and apt-get install musl g++");
  process.exit(1);
}
using dir = tempDir();
for (const one of ["up", "work"]) mkdirSync(dir.at(one));
const bun = await bunForMusl();
await libstdcxx(bun, dir.at("up/libstdc++.so.6"));
const mount = `mount -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" none $1 && shift 2 && exec "$@"`;
const privately = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"];
process.exitCode = await exitOf([...privately, dirname(libc), dir.path, bun, ...test], top);
