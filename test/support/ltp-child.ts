/**
 * Runs all cases on one file system: `bun ltp-child.ts KIND DIRECTORY`, in a mount namespace of its own. A line for each:
 * its title, and what is wrong.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { deciding } from "./ltp-decide.ts";
import { notifying } from "./ltp-notify.ts";
import { diskOf, isOn, type Kind, kinds } from "./ltp.ts";

/** How each kind is mounted. The working directory is where its parts are. */
const mounting: Readonly<Record<Kind, string>> = {
  tmpfs: "mount -t tmpfs none root",
  ext4: "truncate -s 8M image; mkfs.ext4 -q image; mount -o loop image root",
  // With handles that can be opened, which marks of file systems need.
  overlayfs: `
    mkdir lower upper work
    mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work,index=on,nfs_export=on root
  `,
};

const [, , name, directory = ""] = process.argv;
const kind = kinds.find((one) => one === name);
if (kind === undefined) throw new Error(`Cannot mount ${name}`);

// What an overlay is made of must have handles and trusted attributes, which not every directory has.
const base = diskOf("tmpfs", directory, directory);
base.sh("mount -t tmpfs none .");
const cases = [...notifying, ...deciding].filter((one) => isOn(one, kind));
for (const [at, { title, run }] of cases.entries()) {
  const outside = join(directory, `${at}`);
  const root = join(outside, "root");
  mkdirSync(root, { recursive: true });
  diskOf(kind, outside, outside).sh(mounting[kind]);
  let wrong = "";
  try {
    await run(diskOf(kind, outside, root));
  } catch (error) {
    wrong = error instanceof Error ? `${error.stack}` : String(error);
  }
  console.log(JSON.stringify([title, wrong]));
  base.sh(`umount -R -l "${root}"; rm -rf "${outside}"`);
}
