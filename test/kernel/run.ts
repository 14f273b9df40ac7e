/**
 * Runs the suite on another kernel: `bun run test:kernel 5.10 test/watch` boots Debian's newest 5.10 in qemu, with this
 * machine's files, which stay as they are. Arguments go to `bun test`, and choose something; after `--` they are a command that
 * takes its place.
 *
 * It needs root, qemu-system-x86, busybox-static, e2fsprogs and a mirror of Debian that apt knows. The kernel stays in
 * `node_modules/.cache`. Where qemu has to emulate the processor, all takes ten to thirty times as long.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type TempDir, tempDir } from "../support/temp.ts";
import { type Kernel, kernelOf } from "./package.ts";

/** How much longer everything may take. */
const SLOWNESS = 10;

const top = join(import.meta.dir, "../..");
const tools = ["qemu-system-x86_64", "busybox", "mkfs.ext4", "apt-get", "dpkg-deb"];

/** What the root of the guest is mounted with. */
const MODULES = [
  "virtio_pci",
  "virtio_blk",
  "9pnet_virtio",
  "9p",
  "overlay",
  "crc32c_generic",
  "ext4",
];

/** What is not of the kernel, or changes settings of the machine. */
const PARTS = ["--path-ignore-patterns=test/{compiled,limits,project,testing}/**"];

/** The modules' files, each after those that it needs. */
function filesOf(kernel: Kernel): readonly string[] {
  const dir = `lib/modules/${kernel.release}`;
  const needs = new Map<string, readonly string[]>();
  for (const line of readFileSync(join(kernel.root, dir, "modules.dep"), "utf8").split("\n")) {
    const [file = "", others = ""] = line.split(":");
    const name = /([^/]+)\.ko/.exec(file)?.[1]?.replaceAll("-", "_");
    if (name !== undefined)
      needs.set(name, [...others.split(" ").filter(Boolean).toReversed(), file]);
  }
  const files = MODULES.flatMap((name) => needs.get(name) ?? []);
  return [...new Set(files)].map((file) => join(kernel.root, dir, file));
}

/** What the kernel starts from: it mounts this machine's files, below what is written. */
async function initramfs(kernel: Kernel, command: readonly string[], work: TempDir): Promise<void> {
  for (const dir of ["init/bin", "init/modules"]) mkdirSync(work.at(dir), { recursive: true });
  const words = command.map((word) => Bun.$.escape(word)).join(" ");
  await Bun.write(
    work.at("init/command"),
    `cd ${Bun.$.escape(top)}\nBUTTER_SLOWNESS=${SLOWNESS} ${words}\n`,
  );
  await Bun.$`cp ${Bun.which("busybox")} ${work.at("init/bin/busybox")}`;
  await Bun.$`install -m 755 ${join(import.meta.dir, "init.sh")} ${work.at("init/init")}`;
  await Bun.$`cp ${join(import.meta.dir, "guest.sh")} ${work.at("init/guest")}`;
  for (const [index, file] of filesOf(kernel).entries()) {
    const module = work.at("init/modules", `${String(index).padStart(2, "0")}.ko`);
    await Bun.$`${file.endsWith(".xz") ? "xzcat" : "cat"} ${file} > ${module}`;
  }
  const pack = "find . | busybox cpio -o -H newc | gzip -1 > ../initramfs";
  await Bun.$`cd ${work.at("init")} && sh -c ${pack}`.quiet();
}

/** Boots the kernel, shows what the command prints, and returns that. */
async function boot(kernel: Kernel, work: TempDir): Promise<string> {
  const virtualizes =
    existsSync("/dev/kvm") && /\b(vmx|svm)\b/.test(await Bun.file("/proc/cpuinfo").text());
  const share = (tag: string, path: string): string[] => [
    "-virtfs",
    `local,path=${path},mount_tag=${tag},security_model=none,readonly=on,multidevs=remap`,
  ];
  const machine = `-accel ${virtualizes ? "kvm" : "tcg"} -cpu max -smp 2 -m 2048 -nodefaults -display none -no-reboot`;
  const files = ["-kernel", kernel.image, "-initrd", work.at("initramfs")];
  const settings = ["-append", "console=ttyS0 quiet panic=-1 mitigations=off"];
  const disk = ["-drive", `file=${work.at("disk")},format=raw,if=virtio,cache=unsafe`];
  const shares = [...share("host", "/"), ...share("modules", join(kernel.root, "lib/modules"))];
  // What the kernel says, and what the command prints.
  const serial = ["-serial", `file:${work.at("console")}`, "-serial", "stdio"];
  const options = [...machine.split(" "), ...files, ...settings, ...disk, ...shares, ...serial];
  const guest = Bun.spawn(["qemu-system-x86_64", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => guest.kill());
  }
  process.on("exit", () => guest.kill());
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of guest.stdout) {
    process.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  await guest.exited;
  return text;
}

/** How often a word is in bun test's summaries. */
function counted(text: string, word: string): number {
  const counts = text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"));
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

const [version = "6.1", ...args] = process.argv.slice(2);
const missing = tools.filter((tool) => Bun.which(tool) === null);
if (process.arch !== "x64" || process.getuid?.() !== 0 || missing.length > 0) {
  console.error(
    `Cannot boot a kernel: it takes x64, root, and apt-get install qemu-system-x86 busybox-static e2fsprogs (${missing.join(", ")})`,
  );
  process.exit(1);
}
const isTest = args[0] !== "--";
const test = [
  process.execPath,
  "test",
  `--timeout=${30_000 * SLOWNESS}`,
  ...(args.length > 0 ? args : PARTS),
];
const kernel = await kernelOf(version, join(top, "node_modules/.cache/kernel"));
using work = tempDir();
await initramfs(kernel, isTest ? test : args.slice(1), work);
await Bun.$`truncate -s 8G ${work.at("disk")} && mkfs.ext4 -q ${work.at("disk")}`;
console.log(`Linux ${kernel.release}`);
const text = await boot(kernel, work);
const status = /^ended with (\d+)$/m.exec(text)?.[1];
if (status === undefined) {
  console.error(`The guest has not come to its end:\n${await Bun.file(work.at("console")).text()}`);
} else if (isTest) {
  const [passed, failed, skipped] = ["pass", "fail", "skip"].map((word) => counted(text, word));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}
process.exitCode = Number(status ?? 1);
