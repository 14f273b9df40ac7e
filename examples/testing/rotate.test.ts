/** In which order a log rotator does what it does, and that it tells who writes the log. */
import { expect, test } from "bun:test";

import { matchers, record, signals, tempTree } from "bun-butter/testing";

expect.extend(matchers);

test("renames oldest first, so that nothing is lost, and says so at last", async () => {
  await using dir = await tempTree({
    log: "new",
    "log.1": "old",
    "log.2": "older",
    "log.3": "gone",
  });
  await using rec = await record(dir.path);
  const told = signals.next("SIGHUP");
  await using rotator = Bun.spawn(
    ["bun", `${import.meta.dir}/rotate.ts`, "log", "3", `${process.pid}`],
    { cwd: dir.path },
  );
  expect((await told).pid).toBe(rotator.pid);
  // It has sent the signal, so all it did before is told: no need to wait for its end.
  const events = await rec.quiet();
  expect(events.map(({ type, path }) => `${type} ${path}`)).toEqual([
    "delete log.3",
    "rename log.3",
    "rename log.2",
    "rename log.1",
    "create log",
    "change log",
  ]);
  expect(dir).toMatchTree({ log: "", "log.1": "new", "log.2": "old", "log.3": "older" });
});
