/** `butter timer`: what it prints, what it runs, and how it ends. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { timerOptions } from "../../src/cli/timer-options.ts";
import { Butter, butter, plainEnv, rowsOf } from "../support/butter.ts";
import { can } from "../support/capabilities.ts";
import { type ChildResult, run, runScript } from "../support/child.ts";
import { setClock } from "../support/clock.ts";
import { tempDir } from "../support/temp.ts";

async function timer(...args: readonly string[]): Promise<ChildResult> {
  return await run([...butter, "timer", ...args], { env: plainEnv });
}

/** When `--at` is, in milliseconds since 1970. */
const at = (text: string): number => Number(timerOptions(["--at", text])?.timer.at);

/** Whether a process runs: one that nobody has waited for yet does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("rows", () => {
  test("--every and --count: a line for each tick, tab-separated where no terminal is", async () => {
    const { stdout, stderr, exitCode } = await timer(
      "--every",
      "1ms",
      "--count",
      "3",
      "--missed",
      "burst",
    );
    expect(rowsOf(stdout)).toEqual(["TICK 1", "TICK 1", "TICK 1"]);
    expect(stdout).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tTICK\t1\n){3}$/);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("--after: one tick, and it ends", async () => {
    const { stdout, exitCode } = await timer("--after", "1ms");
    expect(rowsOf(stdout)).toEqual(["TICK 1"]);
    expect(exitCode).toBe(0);
  });

  test("--at in the past: all that it has missed, in one line", async () => {
    const args = ["--at", "1970-01-01T00:00Z", "--every", "1d", "--count", "1", "--json"];
    const before = Math.floor(Date.now() / 86_400_000) + 1;
    const { stdout } = await timer(...args);
    const { time, ...event } = JSON.parse(stdout) as Record<string, unknown>;
    expect(event).toEqual({ expirations: expect.any(Number), cancelled: false });
    expect(event["expirations"]).toBeGreaterThanOrEqual(before);
    expect(new Date(`${time as string}`).toISOString()).toBe(`${time as string}`);
  });

  test.skipIf(!can("CAP_SYS_TIME"))(
    "--on-set: a line when the wall clock is set (needs CAP_SYS_TIME)",
    async () => {
      await using child = Butter.start(["timer", "--on-set", "--every", "5ms"], { cwd: "/" });
      // It watches the clock from its first tick on, at the latest.
      await child.stdout.until((text) => text.includes("TICK"));
      const { stderr } = await runScript(`${setClock}; setClock();`);
      expect(stderr).toBe("");
      await child.stdout.until((text) => text.includes("CLOCK_SET"));
    },
  );
});

describe("ends", () => {
  test("by an interrupt with 0, and says how many ticks there were", async () => {
    await using child = Butter.start(["timer", "--every", "1ms"], { cwd: "/" });
    await child.stdout.until((text) => text.includes("TICK"));
    child.signal("SIGINT");
    expect(await child.end()).toBe(0);
    expect(child.stderr.text).toMatch(/^\d+ ticks? in \d+\.\d s\n$/);
  });

  test("quietly with --quiet", async () => {
    await using child = Butter.start(["timer", "--every", "1ms", "-q"], { cwd: "/" });
    await child.stdout.until((text) => text.includes("TICK"));
    child.signal("SIGTERM");
    expect(await child.end()).toBe(0);
    expect(child.stderr.text).toBe("");
  });

  test("by itself when nobody reads any more", async () => {
    const { stdout, exitCode } = await run([
      "sh",
      "-c",
      `${butter.join(" ")} timer --every 1ms | head -n 2 | wc -l`,
    ]);
    expect(stdout.trim()).toBe("2");
    expect(exitCode).toBe(0);
  });
});

describe("--exec", () => {
  test("runs after each line, one at a time, and its output is no row", async () => {
    const command = 'echo "$BUTTER_EXPIRATIONS,$BUTTER_CANCELLED"';
    const args = ["-e", "1ms", "-n", "2", "--missed", "burst", "-x", command];
    const { stdout, stderr, exitCode } = await timer(...args);
    expect(rowsOf(stdout)).toEqual(["TICK 1", "TICK 1"]);
    expect(stderr).toBe("1,\n1,\n");
    expect(exitCode).toBe(0);
  });

  test("tells of a command that fails, and goes on", async () => {
    const { stderr, exitCode } = await timer("-e", "1ms", "-n", "1", "-x", "exit 3");
    expect(stderr).toBe("butter timer: the command exited with 3\n");
    expect(exitCode).toBe(0);
  });

  test("an interrupt ends a command that still runs, with all of its group", async () => {
    using dir = tempDir();
    const command = `sh -c 'echo $$ >${dir.at("pid.new")}; mv ${dir.at("pid.new")} ${dir.at("pid")}; echo up; read -r never <${dir.at("fifo")}'`;
    await run(["mkfifo", dir.at("fifo")]);
    await using child = Butter.start(["timer", "--after", "0", "-x", command], { cwd: dir.path });
    await child.stderr.until((text) => text.includes("up"));
    const pid = Number(await Bun.file(dir.at("pid")).text());
    expect(runs(pid)).toBe(true);
    child.signal("SIGINT");
    expect(await child.end()).toBe(0);
    expect(runs(pid)).toBe(false);
  });
});

describe("the command line", () => {
  test.each([
    ["500ms", 500],
    ["2s", 2000],
    ["2", 2000],
    [".5", 500],
    ["1.5h", 5_400_000],
    ["1m", 60_000],
    ["1d", 86_400_000],
    ["10us", 0.01],
    ["1ns", 1e-6],
  ])("--every %s is %d ms", (text, interval) => {
    expect(timerOptions(["--every", text])?.timer.interval).toBe(interval);
  });

  test("--at takes a date, or a time that is still to come", () => {
    expect(at("2030-01-31T12:00Z")).toBe(Date.UTC(2030, 0, 31, 12));
    for (const text of ["0:00", "12:30", "23:59:59"]) {
      const when = new Date(at(text));
      expect(when.getTime()).toBeGreaterThan(Date.now());
      expect(`${when.getHours()}`).toBe(text.split(":")[0] ?? "");
      expect(when.getMinutes()).toBe(Number(text.split(":")[1]));
    }
  });

  test.each([
    ["", "Cannot wait for nothing"],
    ["--count 3", "Cannot wait for nothing"],
    ["--every 0", 'Cannot take --every: "0" is not a time'],
    ["--every 1w", 'Cannot take --every: "1w" is not a time'],
    ["--every 1e3", 'Cannot take --every: "1e3" is not a time'],
    ["--every 300000d", 'Cannot take --every: "300000d" is not a time'],
    ["--after -1", "Cannot take --after: a value that begins"],
    ["--at 24:00", 'Cannot take --at: "24:00" is not a date'],
    ["--at 1969-12-31", 'Cannot take --at: "1969-12-31" is not a date'],
    ["--after 1 --at 12:00", "Cannot take --after and --at together"],
    ["--at 12:00 --clock monotonic", 'Cannot take --at: clock "monotonic" has no dates'],
    ["--on-set --clock boottime", 'Cannot take --on-set: clock "boottime" is never set'],
    ["--every 1 --clock coarse", 'Cannot take --clock: "coarse" is none of monotonic'],
    ["--every 1 --missed all", 'Cannot take --missed: "all" is none of skip'],
    ["--every 1 --count 0", 'Cannot take --count: "0"'],
    ["--every 1 5", 'Cannot take "5": times are named'],
    ["--every 1 --exec=", "Cannot take --exec: the command is empty"],
  ])("butter timer %s is refused, with what to write instead", async (line, message) => {
    const { stdout, stderr, exitCode } = await timer(
      ...line.split(" ").filter((arg) => arg !== ""),
    );
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter timer: ${message}`);
    expect(stderr).toEndWith('Try "butter timer --help"\n');
    expect(exitCode).toBe(1);
  });

  test("--help prints what it takes, no line too wide", async () => {
    const { stdout, stderr, exitCode } = await timer("--help");
    expect(stdout).toStartWith("Usage: butter timer ");
    expect(stdout.split("\n").filter((printed) => printed.length > 100)).toEqual([]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });
});
