/** examples/overlay.ts does what it says. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

import { bun, run } from "../support/child.ts";
import { canMount } from "../support/mounts.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/overlay.ts", import.meta.url).pathname;

test.skipIf(!canMount)(
  "examples/overlay.ts tells what a command changed, and leaves the directory (needs CAP_SYS_ADMIN, unshare)",
  async () => {
    using dir = tempDir();
    mkdirSync(dir.at("in"));
    for (const name of ["kept", "changed", "in/removed"]) writeFileSync(dir.at(name), name);
    const command =
      "echo now > changed && rm in/removed && echo new > in/new && cat kept && exit 3";
    const { stdout, stderr, exitCode } = await run([
      "unshare",
      "--mount",
      bun,
      example,
      dir.path,
      "sh",
      "-c",
      command,
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 3 });
    expect(stdout).toStartWith("kept");
    expect(stdout.slice(4).trimEnd().split("\n").toSorted()).toEqual([
      "removed in/removed",
      "written changed",
      "written in/new",
    ]);
    expect(readFileSync(dir.at("changed"), "utf8")).toBe("changed");
    expect(readdirSync(dir.at("in"))).toEqual(["removed"]);
  },
);
