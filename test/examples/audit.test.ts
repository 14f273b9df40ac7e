/** examples/audit.ts does what it says. */
import { expect, test } from "bun:test";
import { linkSync, writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { can, emulated } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/audit.ts", import.meta.url).pathname;

test.skipIf(!can("CAP_SYS_ADMIN") || emulated)(
  "examples/audit.ts tells who opens a secret, and lets them (CAP_SYS_ADMIN, not under emulation)",
  async () => {
    using dir = tempDir();
    const secret = dir.at("secret");
    writeFileSync(secret, "words");
    writeFileSync(dir.at("other"), "");
    linkSync(secret, dir.at("alias"));
    await using audit = Butter.start([secret], { cwd: dir.path, program: [bun, example] });
    await audit.stdout.until((text) => text.includes("Auditing "));
    const read = Bun.spawn(["cat", "other", "alias"], { cwd: dir.path });
    expect(await read.stdout.text()).toBe("words");
    const text = await audit.stdout.until((printed) => printed.split("\n").length > 2);
    audit.signal("SIGINT");
    expect(await audit.end()).toBe(0);
    expect(audit.stderr.text).toBe("");
    const [, line = ""] = text.split("\n");
    expect(line).toContain(` by user ${process.getuid?.()} process ${read.pid} `);
    expect(line).toEndWith(' ["cat","other","alias"]');
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z \/\S+\/(secret|alias) by /);
    expect(text.split("\n")).toHaveLength(3);
  },
);

test("examples/audit.ts says why a file can't be audited", async () => {
  await using audit = Butter.start(["/nonexistent"], { cwd: "/", program: [bun, example] });
  expect(await audit.end()).toBe(1);
  expect(audit.stderr.text).toMatch(/Cannot fanotify_(init|mark).* \((EPERM|ENOENT|ENOSYS)\)/);
});
