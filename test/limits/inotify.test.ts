/** Inotify at limits that hold for the whole machine. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { IN, Inotify } from "bun-butter";

import { can } from "../support/capabilities.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { sysctl } from "../support/sysctl.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

let dir: TempDir;

beforeEach(() => {
  dir = tempDir();
});

afterEach(() => {
  dir[Symbol.dispose]();
});

test.skipIf(!can("CAP_SYS_ADMIN"))(
  "1,000 at once, each with its own event (needs root to raise max_user_instances)",
  async () => {
    using _ = sysctl("fs.inotify.max_user_instances", 4096);
    const before = descriptorCount();
    const all = Array.from({ length: 1000 }, (_unused, n) => {
      mkdirSync(dir.at(`${n}`));
      const source = new Inotify();
      source.watch(dir.at(`${n}`), IN.CREATE);
      return source;
    });
    const pending = all.map((source) => source.readEvent());
    for (let n = 999; n >= 0; n--) writeFileSync(dir.at(`${n}`, `${n}`), "");
    const names = (await Promise.all(pending)).map(({ name }) => name);
    expect(names).toEqual(Array.from({ length: 1000 }, (_unused, n) => `${n}`));
    // Closing an instance with watches takes the kernel milliseconds, one without does not.
    for (const source of all) source.ignore(1);
    for (const source of all) source.close();
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  },
  30_000,
);

test.skipIf(!can("CAP_SYS_ADMIN"))(
  "a full queue is an overflow event, and life goes on (needs root to lower max_queued_events)",
  () => {
    using small = (() => {
      // The kernel reads it when an instance is made.
      using _ = sysctl("fs.inotify.max_queued_events", 16);
      return new Inotify();
    })();
    small.watch(dir.path, IN.CREATE);
    for (let n = 0; n < 100; n++) writeFileSync(dir.at(`${n}`), "");
    const events = small.readEventsSync();
    expect(events).toHaveLength(17);
    expect(events.slice(0, 16).map(({ name }) => name)).toEqual(
      Array.from({ length: 16 }, (_, n) => `${n}`),
    );
    const last = events[16];
    expect(last).toMatchObject({
      wd: -1,
      name: "",
      path: "",
      isOverflow: true,
      flags: ["Q_OVERFLOW"],
    });
    writeFileSync(dir.at("after"), "");
    expect(small.readEventsSync().map(({ flags, name }) => `${flags.join("|")} ${name}`)).toEqual([
      "CREATE after",
    ]);
  },
);
