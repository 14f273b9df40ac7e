/** `butter wait` as a process, while other processes end. */
import { describe, expect, test } from "bun:test";
import { constants } from "node:os";

import { kill, SIGRTMIN } from "bun-butter/syscalls";

import { Butter, butter, plainEnv, rowsOf } from "../support/butter.ts";
import { can, emulated, kernel } from "../support/capabilities.ts";
import { type ChildResult, run } from "../support/child.ts";
import { Orphan } from "../support/orphan.ts";

async function wait(...args: readonly (string | number)[]): Promise<ChildResult> {
  return await run([...butter, "wait", ...args.map(String)], { env: plainEnv });
}

/** Starts it, and waits until it waits. */
async function start(...args: readonly (string | number)[]): Promise<Butter> {
  const child = Butter.start(["wait", ...args.map(String)], { cwd: "/" });
  await child.stderr.until((text) => text.startsWith("Waiting for "));
  return child;
}

/** A process that exits with what it reads. */
function exiting(): Bun.Subprocess<"pipe"> {
  return Bun.spawn(["sh", "-c", 'read -r code; exit "$code"'], { stdin: "pipe" });
}

function tell(child: Bun.Subprocess<"pipe">, code: number): void {
  child.stdin.write(`${code}\n`);
  child.stdin.end();
}

/** The number of no process: it was one's, and that is waited for. */
function gone(): number {
  return Bun.spawnSync(["true"]).pid;
}

/** Bun waits for its children at once, after which the kernel tells how they ended since Linux 6.15. */
const tells = kernel(6, 15) && !emulated;

describe.skipIf(!tells)("how a process ended (Linux 6.15, not emulated)", () => {
  test.each([0, 3, 255])("exit code %d is its own", async (code) => {
    await using child = exiting();
    await using waiting = await start(child.pid);
    tell(child, code);
    expect(await waiting.end()).toBe(code);
    expect(rowsOf(waiting.stdout.text)).toEqual([`EXITED ${child.pid} ${code} sh`]);
    expect(waiting.stderr.text).toBe("Waiting for 1 process\n");
  });

  test("a signal is 128 and its number", async () => {
    for (const [signo, name] of [
      [constants.signals.SIGKILL, "SIGKILL"],
      [SIGRTMIN() + 2, "SIGRTMIN+2"],
    ] as const) {
      await using child = exiting();
      await using waiting = await start("--json", child.pid);
      kill(child.pid, signo);
      expect(await waiting.end()).toBe(128 + signo);
      const { time, ...data } = JSON.parse(waiting.stdout.text) as Record<string, unknown>;
      expect(time).toEqual(expect.any(String));
      expect(data).toEqual({ pid: child.pid, signal: name, command: "sh" });
    }
  });

  test("of several it is the first that failed, and all are waited for", async () => {
    const children = [exiting(), exiting(), exiting()] as const;
    const [first, second, third] = children;
    // One that is named twice is waited for once.
    await using waiting = await start(first.pid, second.pid, third.pid, second.pid);
    for (const [at, code] of [0, 7, 5].entries()) {
      const child = children[at] ?? first;
      tell(child, code);
      await waiting.stdout.until((text) => text.includes(`\t${child.pid}\t`));
    }
    expect(await waiting.end()).toBe(7);
    expect(rowsOf(waiting.stdout.text)).toEqual([
      `EXITED ${first.pid} 0 sh`,
      `EXITED ${second.pid} 7 sh`,
      `EXITED ${third.pid} 5 sh`,
    ]);
    expect(waiting.stderr.text).toBe("Waiting for 3 processes\n");
  });

  test("with --any it is the first one's, and the others go on", async () => {
    await using stays = exiting();
    await using ends = exiting();
    await using waiting = await start("--any", stays.pid, ends.pid);
    tell(ends, 4);
    expect(await waiting.end()).toBe(4);
    expect(rowsOf(waiting.stdout.text)).toEqual([`EXITED ${ends.pid} 4 sh`]);
    expect(stays.exitCode).toBe(null);
    stays.kill();
  });
});

test.skipIf(!(can("CAP_SYS_PTRACE") || tells) || emulated)(
  "a process that is no child is waited for as well (CAP_SYS_PTRACE or Linux 6.15, not emulated)",
  async () => {
    const orphan = new Orphan();
    await using waiting = await start(orphan.pid);
    orphan.end("SIGTERM");
    expect(await waiting.end()).toBe(128 + 15);
    expect(rowsOf(waiting.stdout.text)).toEqual([`KILLED ${orphan.pid} SIGTERM cat`]);
  },
);

describe("ends", () => {
  test("with 2 when --timeout passed, and leaves the process alone", async () => {
    await using child = exiting();
    const { stdout, stderr, exitCode } = await wait("--timeout", "0.01", child.pid);
    expect({ stdout, stderr, exitCode }).toEqual({
      stdout: "",
      stderr: "Waiting for 1 process\n",
      exitCode: 2,
    });
    expect(child.exitCode).toBe(null);
    child.kill();
  });

  test("with 2 when --timeout passed for one of them, and prints the others", async () => {
    await using stays = exiting();
    const other = gone();
    const { stdout, exitCode } = await wait("--exited", "--timeout", "0.01", stays.pid, other);
    expect(rowsOf(stdout)).toEqual([`GONE ${other}  `]);
    expect(exitCode).toBe(2);
    stays.kill();
  });

  test("with 1 when it is interrupted: what follows `&&` is for a process that ended", async () => {
    await using child = exiting();
    await using waiting = await start(child.pid);
    waiting.signal("SIGINT");
    expect(await waiting.end()).toBe(1);
    expect(waiting.stderr.text).toMatch(/^Waiting for 1 process\n0 processes in \d+\.\d s\n$/);
    child.kill();
  });
});

describe("a process that is gone", () => {
  test("is an error", async () => {
    const pid = gone();
    const { stdout, stderr, exitCode } = await wait(pid);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toStartWith(
      `butter wait: Cannot pidfd_open on "${pid}": no such process (ESRCH)`,
    );
  });

  test("has ended, with --exited", async () => {
    const pid = gone();
    const { stdout, stderr, exitCode } = await wait("--exited", "--quiet", pid);
    expect(rowsOf(stdout)).toEqual([`GONE ${pid}  `]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });
});

describe("the command line", () => {
  test.each([
    ["", "Cannot wait for nothing: name at least one process"],
    ["0", 'Cannot wait for "0": a process has a number, from 1 to 2147483647'],
    ["2147483648", 'Cannot wait for "2147483648": a process has a number'],
    ["1e3", 'Cannot wait for "1e3": a process has a number'],
    ["sh", 'Cannot wait for "sh": a process has a number'],
    ["-- -1", 'Cannot wait for "-1": a process has a number'],
    ["--any --all 1", "Cannot take --any and --all together"],
    ["--timeout never 1", 'Cannot take --timeout: "never" is not a number of seconds'],
  ])("butter wait %s is refused, with what to write instead", async (line, message) => {
    const { stdout, stderr, exitCode } = await wait(...line.split(" ").filter((arg) => arg !== ""));
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter wait: ${message}`);
    expect(stderr).toEndWith('Try "butter wait --help"\n');
    expect(exitCode).toBe(1);
  });
});
