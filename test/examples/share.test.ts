/** examples/share.ts does what it says. */
import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";

import { bun, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/share.ts", import.meta.url).pathname;

test("examples/share.ts gives a file that the other one can read, and nobody can change", async () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "hello\n");
  const script =
    "cat /proc/self/fd/3; (echo more > /proc/self/fd/3) 2> /dev/null || echo read-only; exit 4";
  const { stdout, exitCode } = await run([bun, example, dir.at("file"), "sh", "-c", script]);
  expect(stdout).toBe("hello\nread-only\n");
  expect(exitCode).toBe(4);
});

test("examples/share.ts takes what another one has given", async () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "hello\n");
  const { stdout, stderr } = await run([bun, example, dir.at("file"), bun, example, "-"]);
  const digest = new Bun.CryptoHasher("sha256").update("hello\n").digest("hex");
  expect({ stdout, stderr }).toEqual({ stdout: `6 bytes, sha256 ${digest}\n`, stderr: "" });
});

test("examples/share.ts refuses what is no memory that is sealed", async () => {
  using dir = tempDir();
  const fd = openSync(dir.at("file"), "w+");
  await using taker = Bun.spawn([bun, example, "-"], {
    stdio: ["ignore", "ignore", "pipe", fd],
  });
  closeSync(fd);
  expect(await taker.stderr.text()).toContain("EINVAL");
  expect(await taker.exited).toBe(1);
});
