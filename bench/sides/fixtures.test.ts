/** One small test of what a program does to a directory, again and again: `REPETITIONS` times. */
import { expect, test } from "bun:test";

import { matchers, record, tempTree } from "bun-butter/testing";

expect.extend(matchers);

const numbers = Array.from({ length: Number(process.env["REPETITIONS"] ?? 10) }, (_, at) => at);

test.each(numbers)("a program's copy is told, number %d", async () => {
  await using dir = await tempTree({ in: "text" });
  await using rec = await record(dir.path);
  await using program = Bun.spawn(["cp", "in", "out"], { cwd: dir.path });
  await rec.next("create", "out");
  await program.exited;
  dir.remove("in");
  const events = await rec.quiet();
  expect(events.map(({ type, path }) => `${type} ${path}`)).toEqual([
    "create out",
    "change out",
    "delete in",
  ]);
  expect(dir).toMatchTree({ out: "text" });
});
