/** File systems in which a name may be spelled otherwise than on the disk. */
import { existsSync, readFileSync } from "node:fs";

import { canLoop } from "./namespace.ts";
import { type Way, ways } from "./watch.ts";

/** What is done before, in the shell, what by other names, and what is told of that. */
export type Row = readonly [before: string, done: string, told: readonly string[]];

/** One of them. */
export interface Folding {
  readonly name: string;
  /** How it can be watched. */
  readonly ways: readonly Way[];
  /** What is done here alone: see `Row`. */
  readonly rows: readonly Row[];
  /** What random programs leave out. */
  readonly without: readonly string[];
  /** What it takes. */
  readonly needs: string;
  /** Whether it can be mounted here. */
  readonly can: boolean;
  /** Makes one and mounts it at `fs`, with a directory `root` in it, in the shell. */
  readonly script: string;
}

function hasDriver(name: string): boolean {
  if (readFileSync("/proc/filesystems", "utf8").includes(`\t${name}\n`)) return true;
  return Bun.which("modprobe") !== null && Bun.spawnSync(["modprobe", name]).success;
}

function fat(name: string): Folding {
  const script = `mkfs.vfat image && mount -t ${name} -o loop image fs && mkdir fs/root fs/outside`;
  const can = canLoop && Bun.which("mkfs.vfat") !== null && hasDriver(name);
  return {
    name,
    // Its file handles do not last.
    ways: ways.filter(({ backend }) => backend === "inotify"),
    rows: [
      [">longfilename.text", "rm LONGFI~1.TEX", ["delete longfilename.text"]],
      [">longfilename.text", "mv LONGFI~1.TEX short", ["create short", "delete longfilename.text"]],
      [":", "mkdir name.", ["create name/"]],
    ],
    without: ["exchange"],
    needs: `mkfs.vfat, loop devices and ${name}`,
    can,
    script: `truncate -s 16M image && ${script}`,
  };
}

/** All of them, and which can be mounted. */
export const foldings: readonly Folding[] = [
  {
    name: "ext4 with casefold",
    ways,
    rows: [
      [">straße", "rm STRASSE", ["delete straße"]],
      [">na\u00efve", "chmod 500 NAI\u0308VE", ["attributes na\u00efve"]],
      [">Draft; ln Draft Other", "chmod 500 draft", ["attributes Draft"]],
    ],
    without: [],
    needs: "loop devices, chattr and CONFIG_UNICODE",
    can: canLoop && Bun.which("chattr") !== null && existsSync("/sys/fs/ext4/features/casefold"),
    script:
      "truncate -s 64M image && mkfs.ext4 -q -O casefold -E encoding=utf8 image && mount -o loop image fs && mkdir fs/root fs/outside && chattr +F fs/root",
  },
  fat("vfat"),
  fat("msdos"),
];
