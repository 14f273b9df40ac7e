/** That a formatter's `--watch` formats what is written, once, and never leaves half a file. */
import { expect, test } from "bun:test";

import { matchers, record, tempTree } from "bun-butter/testing";

expect.extend(matchers);

const program = ["bun", `${import.meta.dir}/format.ts`, "--watch", "."];

test("formats what is there, and then what is written", async () => {
  await using dir = await tempTree({ "a.txt": "one  \n", "b.md": "two  \n" });
  await using rec = await record(dir.path);
  await using formatter = Bun.spawn(program, { cwd: dir.path });
  await rec.next("rename", "a.txt");
  expect(dir.read("a.txt")).toBe("one\n");

  dir.write("c.txt", "three \t\n");
  await rec.next("rename", "c.txt");
  dir.write("a.txt", "four \n");
  await rec.next("rename", "a.txt");

  formatter.kill("SIGTERM");
  expect(await formatter.exited).toBe(0);
  await rec.quiet();
  // Its own writes were no reason for it to write again.
  expect(rec.events.filter(({ type }) => type === "rename")).toHaveLength(3);
  expect(rec).not.toHaveEmitted("change", "b.md");
  expect(dir).toMatchTree({ "a.txt": "four\n", "b.md": "two  \n", "c.txt": "three\n" });
});
