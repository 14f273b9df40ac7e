/** What runs other programs for tests gets to its end. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

import { run } from "./child.ts";

/** Starts one that keeps its output open for an hour. */
const start = "sleep 3600 & echo $!;";

/** Whether it is there, and not only nobody has waited for it. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !readFileSync(file, "latin1").includes(") Z ");
}

test("run(): a time-out kills what was started as well, and what was printed is there", async () => {
  const { stdout, exitCode, signalCode } = await run(["sh", "-c", `${start} sleep 3600`], {
    timeout: 500,
  });
  expect([exitCode, signalCode]).toEqual([null, "SIGKILL"]);
  expect(isAlive(Number(stdout))).toBe(false);
});

test("run(): so does one after the program itself has ended, which is an error", async () => {
  await expect(run(["sh", "-c", `${start} echo why >&2`], { timeout: 500 })).rejects.toThrow(
    /^sh -c .* has ended, but had its output kept open for 500 ms by sleep 3600: why\n$/,
  );
});

test("run(): it does not wait for what can't be found", async () => {
  const hidden = `${start.replace("sleep", "env -i sleep")} sleep 3600`;
  const { stdout } = await run(["sh", "-c", hidden], { timeout: 500 });
  const pid = Number(stdout);
  expect(isAlive(pid)).toBe(true);
  process.kill(pid, "SIGKILL");
});

test("run(): what ends in time is what it was", async () => {
  const cmd = ["sh", "-c", "echo ä; echo no >&2; exit 3"];
  expect(await run(cmd)).toEqual({ stdout: "ä\n", stderr: "no\n", exitCode: 3, signalCode: null });
});
