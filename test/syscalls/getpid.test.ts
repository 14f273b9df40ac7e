/** Who the caller is, in a pid namespace of its own as well. */
import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";

import { getpid, getppid, gettid } from "bun-butter/syscalls";

import { can } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";

test("getpid(), getppid() and gettid() are what Bun and /proc say", () => {
  expect(getpid()).toBe(process.pid);
  expect(getppid()).toBe(process.ppid);
  expect(readlinkSync("/proc/thread-self")).toBe(`${getpid()}/task/${gettid()}`);
});

test("gettid() is of the thread, getpid() of the process", async () => {
  const { promise, resolve } = Promise.withResolvers<number[]>();
  const index = new URL("../../src/syscalls/index.ts", import.meta.url).href;
  const code = `const { getpid, gettid } = await import(${JSON.stringify(index)}); postMessage([getpid(), gettid()]);`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  worker.addEventListener("message", ({ data }) => resolve(data as number[]));
  const [pid, tid] = await promise;
  expect(pid).toBe(getpid());
  expect(tid).not.toBe(gettid());
});

test.skipIf(!can("CAP_SYS_ADMIN") || Bun.which("unshare") === null)(
  "getpid() is 1 in a pid namespace of its own, and its parent 0 (root, unshare)",
  async () => {
    const code = `
      import { getpid, getppid, gettid } from "bun-butter/syscalls";
      console.log(getpid(), getppid(), gettid());
    `;
    const { stdout } = await run(["unshare", "--pid", "--fork", bun, "--eval", code]);
    expect(stdout).toBe("1 0 1\n");
  },
);
