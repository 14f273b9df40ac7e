/** `butter signals` as a process, while other processes send it signals. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { Pidfd } from "bun-butter";
import { SIG, sigqueue, SIGRTMIN } from "bun-butter/syscalls";

import { Butter, butter, type ButterOptions, plainEnv, rowsOf } from "../support/butter.ts";
import { emulated } from "../support/capabilities.ts";
import { type ChildResult, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const uid = process.getuid?.() ?? -1;

/** What this process is called, who sends most of them. */
const self = `${process.pid} ${uid} ${readFileSync("/proc/self/comm", "utf8").trimEnd()}`;

interface Signals {
  readonly child: Butter;
  /** Its own number, whatever started it. */
  readonly pid: number;
}

/** Starts it, and waits until it takes signals. */
async function start(
  args: readonly string[],
  options: Partial<ButterOptions> = {},
): Promise<Signals> {
  const child = Butter.start(["signals", ...args], { cwd: "/", ...options });
  const text = await child.stderr.until((printed) => printed.includes(" ends it\n"));
  return { child, pid: Number(/^Process (\d+) takes /.exec(text)?.[1]) };
}

async function refused(...args: readonly string[]): Promise<ChildResult> {
  return await run([...butter, "signals", ...args], { env: plainEnv });
}

// Emulation keeps signals of its own, and swallows others.
describe.skipIf(emulated)("rows (not emulated)", () => {
  test("tell who sent it with kill(2): its number, its user and its name", async () => {
    const { child, pid } = await start(["--count", "1"]);
    await using _ = child;
    await using sender = Bun.spawn(["sh", "-c", `kill -USR1 ${pid}; read -r _`], { stdin: "pipe" });
    expect(await child.end()).toBe(0);
    expect(child.stdout.text).toMatch(
      new RegExp(
        String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tSIGUSR1,USER\t\d+\t\d+\tsh\t\n$`,
      ),
    );
    expect(rowsOf(child.stdout.text)).toEqual([`SIGUSR1,USER ${sender.pid} ${uid} sh `]);
  });

  test("tell the value that sigqueue(3) sent, of many at once, none lost", async () => {
    const { child, pid } = await start(["--count", "200", "RTMIN+3"]);
    await using _ = child;
    for (let value = 0; value < 200; value++) sigqueue(pid, SIGRTMIN() + 3, value - 100);
    expect(await child.end()).toBe(0);
    const rows = rowsOf(child.stdout.text);
    const values = rows.map((row) => Number(row.split(" ").at(-1)));
    expect(rows[0]).toStartWith(`SIGRTMIN+3,QUEUE ${self} `);
    expect(values).toHaveLength(200);
    // Threads may take two of them at the same moment.
    expect(values.toSorted((a, b) => a - b)).toEqual([...Array(200).keys()].map((at) => at - 100));
  });

  test("name no sender that is gone", async () => {
    const { child, pid } = await start(["--json", "--once", "USR2"]);
    await using _ = child;
    // Nothing is read while it is stopped.
    const sender = Bun.spawnSync(["sh", "-c", `kill -STOP ${pid}; kill -USR2 ${pid}; exit 0`]);
    process.kill(pid, "SIGCONT");
    expect(await child.end()).toBe(0);
    expect(JSON.parse(child.stdout.text)).toEqual({
      time: expect.any(String),
      signal: "SIGUSR2",
      signo: SIG.USR2,
      code: "USER",
      codeNumber: 0,
      pid: sender.pid,
      uid,
    });
  });

  test("are JSON with all that the kernel tells", async () => {
    const { child, pid } = await start(["--json", "usr1", "-n", "1"]);
    await using _ = child;
    sigqueue(pid, SIG.USR1, 42);
    expect(await child.end()).toBe(0);
    expect(JSON.parse(child.stdout.text)).toEqual({
      time: expect.any(String),
      signal: "SIGUSR1",
      signo: SIG.USR1,
      code: "QUEUE",
      codeNumber: -1,
      pid: process.pid,
      uid,
      value: 42,
      command: self.split(" ")[2],
    });
  });
});

describe.skipIf(emulated)("ends (not emulated)", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s with 0, printed as the last, after what came before",
    async (signal) => {
      const { child, pid } = await start([]);
      await using _ = child;
      process.kill(pid, "SIGUSR1");
      await child.stdout.until((text) => text.includes("SIGUSR1"));
      process.kill(pid, signal);
      expect(await child.end()).toBe(0);
      expect(rowsOf(child.stdout.text)).toEqual([
        `SIGUSR1,USER ${self} `,
        `${signal},USER ${self} `,
      ]);
      const all = String.raw`Process \d+ takes \d+ signals; SIGHUP, SIGINT, or SIGTERM ends it`;
      const summary = String.raw`2 signals in \d+\.\d s: 1 SIGUSR1, 1 ${signal}`;
      expect(child.stderr.text).toMatch(new RegExp(`^${all}\n${summary}\n$`));
    },
  );

  test("not by one that is named, but by the others, which are not printed then", async () => {
    const { child, pid } = await start(["TERM", "sighup", "15"]);
    await using _ = child;
    expect(child.stderr.text).toBe(`Process ${pid} takes 2 signals; SIGINT ends it\n`);
    for (const [at, signal] of (["SIGTERM", "SIGHUP", "SIGTERM"] as const).entries()) {
      process.kill(pid, signal);
      await child.stdout.until((text) => text.split("\n").length === at + 2);
    }
    process.kill(pid, "SIGINT");
    expect(await child.end()).toBe(0);
    expect(rowsOf(child.stdout.text).map((row) => row.split(",")[0])).toEqual([
      "SIGTERM",
      "SIGHUP",
      "SIGTERM",
    ]);
  });

  test("not by one that it was started to ignore", async () => {
    const through = ["sh", "-c", `trap "" HUP; exec "$@"`, "sh"];
    const { child, pid } = await start([], { through });
    await using _ = child;
    expect(child.stderr.text).toEndWith("signals; SIGINT or SIGTERM ends it\n");
    process.kill(pid, "SIGHUP");
    await child.stdout.until((text) => text.includes("SIGHUP,USER"));
    process.kill(pid, "SIGTERM");
    expect(await child.end()).toBe(0);
    expect(rowsOf(child.stdout.text)).toHaveLength(2);
  });

  test("leaves those that a terminal needs as they are", async () => {
    const { child, pid } = await start([]);
    await using _ = child;
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(
      readFileSync(`/proc/${pid}/status`, "utf8"),
    )?.[1];
    const has = (signo: number): boolean =>
      (BigInt(`0x${caught}`) & (1n << BigInt(signo - 1))) !== 0n;
    expect([SIG.USR1, SIG.QUIT, SIG.CHLD, SIGRTMIN()].map(has)).not.toContain(false);
    expect([SIG.TSTP, SIG.TTIN, SIG.TTOU].map(has)).not.toContain(true);
  });

  test("with 2 when nothing comes in time, and quietly with --quiet", async () => {
    const { stdout, stderr, exitCode } = await refused("--quiet", "--timeout", "0.01", "USR1");
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: "", stderr: "", exitCode: 2 });
  });

  test("when nobody reads any more", async () => {
    const through = ["sh", "-c", `"$@" | head -n 1`, "sh"];
    const { child, pid } = await start([], { through });
    await using _ = child;
    using pidfd = new Pidfd(pid);
    process.kill(pid, "SIGUSR1");
    expect(await pidfd.exited).toMatchObject({ signal: undefined });
    expect(await child.end()).toBe(0);
    expect(rowsOf(child.stdout.text)).toEqual([`SIGUSR1,USER ${self} `]);
  });

  test("by an interrupt also while its reader takes nothing", async () => {
    using dir = tempDir();
    await run(["mkfifo", dir.at("fifo")]);
    const through = ["sh", "-c", `"$@" | read -r _ <${dir.at("fifo")}`, "sh"];
    const { child, pid } = await start(["--json"], { through });
    await using _ = child;
    using pidfd = new Pidfd(pid);
    // More than a pipe holds, as rows.
    for (let value = 0; value < 2000; value++) sigqueue(pid, SIGRTMIN(), value);
    process.kill(pid, "SIGINT");
    await pidfd.exited;
    await child.stderr.until((text) => /^\d+ signals in .*1 SIGINT/m.test(text));
    await Bun.write(dir.at("fifo"), "\n");
    await child.end();
  });
});

describe("the command line", () => {
  test.each([
    ["FOO", 'Cannot take signal: "SIGFOO" is no signal\'s name', true],
    ["0", "Cannot take signum: 0 is not from 1 to 64", true],
    ["65", "Cannot take signum: 65 is not from 1 to 64", true],
    ["RTMIN+99", 'Cannot take signal: "SIGRTMIN+99" is no signal', true],
    ["-9", "Cannot take -9: there is no such option", true],
    [
      "USR1 KILL",
      'Cannot Signalfd on "SIGKILL": invalid argument (EINVAL): the kernel lets no',
      false,
    ],
    ["--once --count 2", "Cannot take --once and --count together", true],
    ["--count 0", 'Cannot take --count: "0"', true],
  ])("butter signals %s is refused", async (line, message, usage) => {
    const { stdout, stderr, exitCode } = await refused(...line.split(" "));
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter signals: ${message}`);
    expect(stderr.endsWith('Try "butter signals --help"\n')).toBe(usage);
    expect(exitCode).toBe(1);
  });
});
