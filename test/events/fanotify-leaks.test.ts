/**
 * What events own is closed: after thousands of events in each way that they may go, as many descriptors are open as
 * before. `BUTTER_LEAKS=100000` makes so many in each way.
 */
import { describe, expect, test } from "bun:test";

import { can, emulated, slowness } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

/** Events of a round: fewer than the usual limit of descriptors. */
const FILES = 800;
const ROUNDS = Math.ceil(Number(process.env["BUTTER_LEAKS"] ?? 5000) / FILES);

/** How the events of one round go. All but the last leave the source open. */
const ways: Readonly<Record<string, string>> = {
  "disposed in a loop": `
    let left = FILES;
    for await (using event of source) if (--left === 0) break;
  `,
  "disposed in batches": `
    for await (const events of source.batches()) {
      for (using event of events) left--;
      if (left <= 0) break;
    }
  `,
  truncated: `source.truncate();`,
  "dropped with truncate() while some are queued": `
    await source.readEvent().then((event) => event[Symbol.dispose]());
    source.truncate();
  `,
  "left by loops that break": `
    for (let n = 0; n < FILES; n++) for await (const event of source) break;
  `,
  "left by consumers that throw": `
    for (let n = 0; n < FILES; n++) {
      try {
        for await (const event of source) throw new Error("consumer");
      } catch {}
    }
  `,
  "closed with a full queue": `
    await source.readEvent().then((event) => event[Symbol.dispose]());
    source.close();
    source = make();
  `,
  aborted: `
    await source.readEvent().then((event) => event[Symbol.dispose]());
    controller.abort();
    source = make();
  `,
  "filtered, because they are of this process": `
    if (source.readEventsSync().length > 0) throw new Error("told");
  `,
  "forgotten by everybody": `
    for (const event of source.readEventsSync()) if (event.fd === undefined) throw new Error("none");
    await new Promise((resolve) => setImmediate(resolve));
  `,
  "taken and closed": `
    for (const event of source.readEventsSync()) closeSync(event.takeFd());
  `,
};

describe.skipIf(emulated || !can("CAP_SYS_ADMIN"))(
  `${ROUNDS * FILES} descriptors of events (needs CAP_SYS_ADMIN)`,
  () => {
    test.each(Object.keys(ways))(
      "%s",
      async (way) => {
        using dir = tempDir();
        const own = way !== "filtered, because they are of this process";
        const { stdout, stderr, exitCode } = await runScript(
          `
        import { closeSync, openSync, writeFileSync } from "node:fs";
        import { Fanotify } from "bun-butter";
        import { descriptorCount, descriptorsBackTo } from "./test/support/descriptors.ts";
        const FILES = ${FILES};
        const dir = ${JSON.stringify(dir.path)};
        for (let n = 0; n < FILES; n++) writeFileSync(\`\${dir}/\${n}\`, "");
        let controller;
        const make = () => {
          controller = new AbortController();
          const source = new Fanotify({ report: "fd", own: ${own}, signal: controller.signal, latency: 0 });
          source.mark(dir, "open", { children: true });
          return source;
        };
        // So that what a thread has in common stays open.
        const idle = new Fanotify();
        idle.readEvent().catch(() => {});
        await new Promise((resolve) => setImmediate(resolve));
        const before = descriptorCount();
        let source = make();
        let most = 0;
        for (let round = 0; round < ${ROUNDS}; round++) {
          for (let n = 0; n < FILES; n++) closeSync(openSync(\`\${dir}/\${n}\`, "r"));
          let left = FILES;
          ${way === "disposed in a loop" ? ways[way]?.replace("let left = FILES;", "") : ways[way]}
          most = Math.max(most, descriptorCount());
        }
        source.close();
        if (${way === "forgotten by everybody"}) for (let n = 0; n < 50 && descriptorCount() > before; n++) {
          Bun.gc(true);
          await new Promise((resolve) => setImmediate(resolve));
        }
        const after = await descriptorsBackTo(before);
        console.log(after - before, most < before + 8 * FILES);
        process.exit();
        `,
          { timeout: 600_000 },
        );
        expect({ stdout, stderr, exitCode }).toEqual({
          stdout: "0 true\n",
          stderr: "",
          exitCode: 0,
        });
      },
      65_000 * slowness,
    );
  },
);
