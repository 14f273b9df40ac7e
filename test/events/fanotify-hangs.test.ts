/** Other processes go on, whatever becomes of the thread that decides. A script that hangs is killed, which ends its group. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";

import { can, emulated, slowness } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const prelude = `
  import { execFileSync } from "node:child_process";
  import { copyFileSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
  import { Fanotify } from "bun-butter";
  import { poll, POLL } from "bun-butter/syscalls";
  import { descriptorCount, descriptorsBackTo, openDescriptors } from "./test/support/descriptors.ts";
  const dir = process.env.BUTTER_TEST_DIR;
  const file = dir + "/file";
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const cat = () => Bun.spawn(["cat", file], { stderr: "ignore" });
  const guardOf = (options) => {
    const guard = new Fanotify({ decide: "access", decideTimeout: ${60_000 * slowness}, ...options });
    guard.mark(file, "open-perm");
    return guard;
  };
`;

/** What a script prints. */
async function outputOf(script: string): Promise<string> {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "content");
  const { stdout, stderr, exitCode } = await runScript(`${prelude}${script}\nprocess.exit();`, {
    env: { BUTTER_TEST_DIR: dir.path },
    timeout: 20_000 * slowness,
  });
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return stdout.trim();
}

const scripts: readonly (readonly [name: string, script: string, stdout: string])[] = [
  [
    "a guarded program is started by the thread that decides, which waits for that",
    `
      copyFileSync(Bun.which("true"), dir + "/true");
      const guard = new Fanotify({ decide: "access", decideTimeout: ${60_000 * slowness} });
      guard.mark(dir + "/true", ["open-perm", "open-exec-perm"]);
      console.log(await Bun.spawn([dir + "/true"]).exited, guard.readEventsSync().length);
    `,
    "0 0",
  ],
  [
    "the thread waits for a process that waits for a decision: after decideTimeout",
    `
      const guard = guardOf({ decideTimeout: 50 });
      console.log(Bun.spawnSync(["cat", file]).stdout.toString());
      using event = await guard.readEvent();
      let late;
      try { event.deny(); } catch (error) { late = error.message; }
      console.log(event.verdict, late.includes("within decideTimeout"));
    `,
    "content\nallow true",
  ],
  [
    "the thread has the event, and waits for its process: after decideTimeout",
    `
      const guard = guardOf({ decideTimeout: 50 });
      execFileSync("mkfifo", [dir + "/fifo"]);
      Bun.spawn(["sh", "-c", 'exec 3<"$0/file"; echo went on >"$0/fifo"', dir], { stderr: "ignore" });
      using event = await guard.readEvent();
      process.stdout.write(readFileSync(dir + "/fifo"));
      let late;
      try { event.deny(); } catch (error) { late = error.message; }
      console.log(event.verdict, late.includes("within decideTimeout"));
    `,
    "went on\nallow true",
  ],
  [
    "the thread is busy for long, and then reads what it guards",
    `
      const before = descriptorCount();
      const guard = guardOf();
      const cats = [];
      const seen = () => [...openDescriptors().values()].filter((name) => name === file).length;
      // More than a pipe has room for, one after another.
      while (cats.length < 40) {
        cats.push(cat());
        while (seen() < cats.length);
      }
      console.log(readFileSync(file, "utf8"));
      for await (using event of guard) {
        event.deny();
        if (guard.queued === 0 && seen() === 1) break;
      }
      const codes = await Promise.all(cats.map((one) => one.exited));
      console.log(new Set(codes));
      guard.close();
      await Promise.all(cats.map((one) => one.stdout.text()));
      console.log(await descriptorsBackTo(before) <= before + 2);
    `,
    "content\nSet(1) {\n  1,\n}\ntrue",
  ],
  [
    "the source is closed after the thread was busy for long",
    `
      const guard = guardOf();
      const cats = [];
      const seen = () => [...openDescriptors().values()].filter((name) => name === file).length;
      while (cats.length < 40) {
        cats.push(cat());
        while (seen() < cats.length);
      }
      guard.close();
      console.log(new Set(await Promise.all(cats.map((one) => one.exited))));
      while (seen() > 0) await turn();
    `,
    "Set(1) {\n  0,\n}",
  ],
  [
    "its event is forgotten: when it is collected, before another one gets its number",
    `
      const guard = guardOf();
      const child = cat();
      await (async () => void (await guard.readEvent()))();
      let ended = false;
      child.exited.then(() => (ended = true));
      while (!ended) {
        Bun.gc(true);
        await turn();
      }
      const second = cat();
      using event = await guard.readEvent();
      event.deny();
      console.log(child.exitCode, await second.exited);
    `,
    "0 1",
  ],
  [
    "nobody reads: events are dropped, and that is told",
    `
      const guard = new Fanotify({ decide: "access", own: true });
      guard.mark(dir, "open", { children: true });
      const touch = async (name) => {
        closeSync(openSync(dir + "/" + name, "w"));
        while (poll([{ fd: guard.fd, events: POLL.IN }], 0)[0] !== 0) await turn();
      };
      for (let n = 0; guard.queued < 2048; n++) {
        for (let more = 0; more < 50; more++) closeSync(openSync(dir + "/" + n + "-" + more, "w"));
        await touch(n);
      }
      for (let n = 0; n < 50; n++) await touch("more" + n);
      const most = descriptorCount();
      const events = guard.readEventsSync();
      console.log(events.filter((one) => one.isOverflow).length, events.length <= 2200);
      for (const event of events) event[Symbol.dispose]();
      console.log(most - descriptorCount() <= 2200);
      await touch("again");
      for await (using event of guard) if (event.path === dir + "/again") break;
    `,
    "1 true\ntrue",
  ],
];

const workers: Readonly<Record<string, string>> = {
  "is terminated": "setInterval(() => {}, 1000);",
  "is terminated while it is busy": "for (;;);",
  ends: "",
  exits: "process.exit();",
  throws: `throw new Error("over");`,
};

describe.skipIf(emulated || !can("CAP_SYS_ADMIN"))(
  "an access is answered (needs CAP_SYS_ADMIN) when",
  () => {
    test.each(scripts)(
      "%s",
      async (_, script, stdout) => {
        expect(await outputOf(script)).toBe(stdout);
      },
      30_000 * slowness,
    );

    test.each(Object.keys(workers))(
      "the Worker that decides %s",
      async (how) => {
        const code = `
          import { Fanotify } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).pathname)};
          globalThis.guard = new Fanotify({ decide: "access", decideTimeout: ${60_000 * slowness} });
          guard.mark(import.meta.dir + "/file", "open-perm");
          postMessage("up");
          ${workers[how]}
        `;
        const script = `
          writeFileSync(dir + "/worker.ts", ${JSON.stringify(code)});
          const worker = new Worker(dir + "/worker.ts");
          worker.onerror = (event) => event.preventDefault();
          const closed = new Promise((resolve) => worker.addEventListener("close", resolve));
          await new Promise((resolve) => (worker.onmessage = resolve));
          if (${JSON.stringify(how)}.includes("terminated")) worker.terminate();
          await closed;
          console.log(await cat().stdout.text());
        `;
        expect(await outputOf(script)).toBe("content");
      },
      30_000 * slowness,
    );
  },
);
