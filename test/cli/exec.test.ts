/** Commands that `butter watch` runs: when, how often, with what, and their end. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { watch as watchTree } from "bun-butter";

import { Runner } from "../../src/cli/exec.ts";
import { Butter } from "../support/butter.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

let dir: TempDir;

beforeEach(() => {
  dir = tempDir();
  mkdirSync(dir.at("w"));
});

afterEach(() => {
  dir[Symbol.dispose]();
});

const lines = (text: string, word: string): number => text.split(`${word}\n`).length - 1;

/** The lines that commands added to a file. */
const logged = (): string[] =>
  existsSync(dir.at("log")) ? readFileSync(dir.at("log"), "utf8").split("\n").slice(0, -1) : [];

/** Resolves when commands have added so many lines to the file. */
async function logs(count: number): Promise<void> {
  using written = watchTree(dir.path, { recursive: false, modify: true });
  while (logged().length < count) await written.readEvents();
}

const change = (path: string) => [[path]];

describe("Runner", () => {
  const quietly = { restart: false, report: () => undefined, quiet: 1 };

  test("finish() runs what has changed, once, and waits for it", async () => {
    const command = `echo "$BUTTER_EVENTS $BUTTER_PATHS$BUTTER_TRUNCATED" >>${dir.at("log")}`;
    const runner = new Runner({ ...quietly, command, quiet: 60_000 });
    runner.changed(change("a"));
    runner.changed([...change("b"), ...change("a")]);
    await runner.finish();
    expect(logged()).toEqual(["3 a", "b"]);
    await runner.finish();
    expect(logged()).toHaveLength(2);
  });

  test("a burst that does not end runs the command nevertheless", async () => {
    const runner = new Runner({
      ...quietly,
      command: `echo run >>${dir.at("log")}`,
      quiet: 60_000,
      longest: 20,
    });
    const changes = setInterval(() => runner.changed(change("a")), 1);
    await logs(2);
    clearInterval(changes);
    await runner.stop();
  });

  test("what changes while the command runs is one more run, and never a second at the same time", async () => {
    const command = `echo "begin $BUTTER_EVENTS" >>${dir.at("log")}; while ! test -e ${dir.at("go")}; do sleep 0.01; done; echo end >>${dir.at("log")}`;
    const runner = new Runner({ ...quietly, command, quiet: 0 });
    runner.changed(change("a"));
    await logs(1);
    for (let n = 0; n < 5; n++) {
      runner.changed(change(`${n}`));
      // Its timer was set before: the burst is over.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    writeFileSync(dir.at("go"), "");
    await runner.finish();
    expect(logged()).toEqual(["begin 1", "end", "begin 5", "end"]);
  });

  test("more paths than fit are left out, and it says so", async () => {
    const command = `printf %s "$BUTTER_PATHS" | wc -c >>${dir.at("log")}; echo "$BUTTER_EVENTS $BUTTER_TRUNCATED" >>${dir.at("log")}`;
    const runner = new Runner({ ...quietly, command });
    runner.changed(Array.from({ length: 50_000 }, (_, n) => [`${n}`]));
    await runner.finish();
    const [bytes, rest] = logged();
    expect(Number(bytes)).toBeGreaterThan(99_000);
    expect(Number(bytes)).toBeLessThanOrEqual(100_000);
    expect(rest).toBe("50000 1");
  });

  test("both paths of a rename are told, and each once", async () => {
    const command = `echo "$BUTTER_EVENTS" $BUTTER_PATHS >>${dir.at("log")}`;
    const runner = new Runner({ ...quietly, command });
    runner.changed([...change("a"), ["b", "a"], ...change("b")]);
    await runner.finish();
    expect(logged()).toEqual(["3 a b"]);
  });

  test("a command that fails is reported, one that was ended on purpose is not", async () => {
    const reports: string[] = [];
    const report = (text: string): number => reports.push(text);
    const run = async (command: string): Promise<void> => {
      const runner = new Runner({ ...quietly, command, report });
      runner.changed(change("a"));
      await runner.finish();
    };
    await run("exit 3");
    await run("kill -KILL $$");
    await run("true");
    expect(reports).toEqual(["the command exited with 3", "the command was ended by SIGKILL"]);
    const runner = new Runner({
      ...quietly,
      command: `echo up >>${dir.at("log")}; sleep 100`,
      report,
    });
    runner.changed(change("a"));
    await logs(1);
    await runner.stop();
    expect(reports).toHaveLength(2);
  });

  test("stop() ends the whole process group, and kills what does not listen", async () => {
    const member = `trap "" TERM; echo $$ >>${dir.at("log")}; while :; do sleep 0.05; done`;
    const command = `sh -c '${member}' & echo $$ >>${dir.at("log")}; wait`;
    const runner = new Runner({ ...quietly, command, grace: 50 });
    runner.changed(change("a"));
    await logs(2);
    await runner.stop();
    // It is gone, or about to be reaped.
    const left = logged().filter((pid) => {
      try {
        return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      } catch {
        return false;
      }
    });
    expect(left).toEqual([]);
    runner.changed(change("b"));
    await runner.finish();
    expect(logged()).toHaveLength(2);
  });
});

describe("butter watch --exec", () => {
  test("runs the command after a burst, with what changed, apart from the rows", async () => {
    const command = `printf '%s\\n' "$BUTTER_EVENTS:$BUTTER_PATHS."; pwd; cat`;
    await using watch = await Butter.watch(["w", "--exec", command], { cwd: dir.path });
    writeFileSync(dir.at("w/a\tb"), "text");
    await watch.stderr.until((text) => text.includes(`2:w/a\\tb.\n${dir.path}\n`));
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
    expect(watch.stdout.text).not.toContain(dir.path);
    expect(watch.stdout.text.trimEnd().split("\n")).toHaveLength(2);
  });

  test("reports a command that fails, and goes on", async () => {
    const command = 'echo "$BUTTER_PATHS"; exit 3';
    await using watch = await Butter.watch(["w", "--exec", command], { cwd: dir.path });
    const failure = "butter watch: the command exited with 3\n";
    mkdirSync(dir.at("w/a"));
    await watch.stderr.until((text) => text.endsWith(`w/a\n${failure}`));
    mkdirSync(dir.at("w/b"));
    await watch.stderr.until((text) => text.endsWith(`w/b\n${failure}`));
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
  });

  test("--once waits for its command, and a signal ends that too", async () => {
    // Only while what has started it is there.
    const command = `echo begun; while ! test -e go; do sleep 0.01; done; kill -0 $PPID && echo done`;
    await using done = await Butter.watch(["w", "--once", "--exec", command], { cwd: dir.path });
    await using ended = await Butter.watch(["w", "--once", "--exec", "echo up; sleep 100"], {
      cwd: dir.path,
    });
    mkdirSync(dir.at("w/a"));
    await done.stderr.until((text) => text.includes("begun\n"));
    writeFileSync(dir.at("go"), "");
    expect(await done.end()).toBe(0);
    expect(done.stderr.text).toEndWith("\ndone\n");
    await ended.stderr.until((text) => text.includes("up\n"));
    ended.signal("SIGTERM");
    expect(await ended.end()).toBe(0);
  });

  test("--timeout waits for it too", async () => {
    // The command goes on until nothing is watched any more.
    const command = `while ls -l /proc/$PPID/fd | grep -q notify; do sleep 0.01; done; kill -0 $PPID && echo done`;
    const args = ["w", "--timeout", "0.1", "--exec", command];
    await using timeout = await Butter.watch(args, { cwd: dir.path });
    mkdirSync(dir.at("w/a"));
    expect(await timeout.end()).toBe(2);
    expect(timeout.stderr.text).toContain("\ndone\n");
  });

  test("--restart ends the command with its group, and starts it again; --initial has started it", async () => {
    const command = `trap 'echo ended; exit' TERM; sh -c 'echo started; exec sleep 100' & wait`;
    const args = ["w", "--initial", "--restart", "--exec", command];
    await using watch = await Butter.watch(args, { cwd: dir.path });
    await watch.stderr.until((text) => lines(text, "started") === 1);
    mkdirSync(dir.at("w/b"));
    await watch.stderr.until((text) => lines(text, "started") === 2);
    watch.signal("SIGINT");
    expect(await watch.end()).toBe(0);
    // Each child was in the group: standard error would not have ended otherwise.
    const words = watch.stderr.text.match(/started|ended/g)?.join(" ");
    expect(words).toBe("started ended started ended");
  });
});
