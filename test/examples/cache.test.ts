/** examples/cache.ts does what it says. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { can, kernel } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";
import { canStarve, Shortage } from "../support/shortage.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/cache.ts", import.meta.url).pathname;
const triggers = existsSync("/proc/pressure/memory") && (kernel(6, 4) || can("CAP_SYS_RESOURCE"));

test.skipIf(!triggers || !canStarve)(
  "examples/cache.ts drops half of what it has when memory is short (needs /proc/pressure, a cgroup, and Linux 6.4 or CAP_SYS_RESOURCE)",
  async () => {
    using dir = tempDir();
    mkdirSync(dir.at("files"));
    writeFileSync(dir.at("secret"), "");
    for (const name of ["a", "b", "c", "d"]) writeFileSync(dir.at("files", name), name);
    await using cache = Butter.start(["files", "20"], { cwd: dir.path, program: [bun, example] });
    const text = await cache.stdout.until((printed) => printed.endsWith("\n"));
    const [url = ""] = /http:\S+/.exec(text) ?? [];
    const get = async (path: string): Promise<readonly [string | null, string]> => {
      const response = await fetch(url + path);
      return [response.headers.get("x-cache"), await response.text()];
    };
    for (const name of ["a", "b", "c", "d"]) expect(await get(name)).toEqual(["miss", name]);
    expect(await get("a")).toEqual(["hit", "a"]);
    expect(await get("..%2Fsecret")).toEqual([null, "not found\n"]);
    {
      await using _shortage = new Shortage();
      await cache.stdout.until((printed) => printed.includes("dropped 2 files, 2 stay: "));
    }
    // What was used last stayed; there may have been a second time.
    expect(await get("b")).toEqual(["miss", "b"]);
    cache.signal("SIGINT");
    expect(await cache.end()).toBe(0);
    expect(cache.stderr.text).toBe("");
  },
  30_000,
);
