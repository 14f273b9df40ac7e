/** examples/pidfd.ts does what it says. */
import { expect, test } from "bun:test";

import { Butter } from "../support/butter.ts";
import { emulated, kernel } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { Orphan } from "../support/orphan.ts";

const example = new URL("../../examples/pidfd.ts", import.meta.url).pathname;
/** A kernel that tells how any process ended that was waited for. */
const tells = kernel(6, 15) && !emulated;

test.skipIf(!tells)(
  "examples/pidfd.ts tells how processes end that are not its children (Linux 6.15)",
  async () => {
    const orphan = new Orphan();
    await using child = Bun.spawn(["sh", "-c", "read line; exit 3"], { stdin: "pipe" });
    await using waiting = Butter.start([`${orphan.pid}`, `${child.pid}`], {
      cwd: "/",
      program: [bun, example],
    });
    await waiting.stdout.until((text) => text.includes(`waiting for ${child.pid}\n`));
    orphan.end("SIGTERM");
    await waiting.stdout.until((text) => text.includes(`${orphan.pid} was killed by SIGTERM\n`));
    child.stdin.end();
    expect(await waiting.end()).toBe(0);
    expect(waiting.stdout.text).toEndWith(`\n${child.pid} exited with 3\n`);
    expect(waiting.stderr.text).toBe("");
  },
);

test("examples/pidfd.ts says that a process is not there", async () => {
  await using ended = Bun.spawn(["true"]);
  await ended.exited;
  const { exitCode, stderr } = await run([bun, example, `${ended.pid}`]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(
    `Cannot pidfd_open on "${ended.pid}": no such process (ESRCH): no process has this number: it ended, or never was`,
  );
});
