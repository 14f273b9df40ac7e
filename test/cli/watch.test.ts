/** `butter watch` as a process, while real programs work in what it watches. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";

import type { WatchEvent } from "bun-butter";

import { Butter, butter, plainEnv, plant, rowsOf } from "../support/butter.ts";
import { can, emulated } from "../support/capabilities.ts";
import { run } from "../support/child.ts";
import { poke } from "../support/poke.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { listed, Model } from "../support/watch.ts";

let dir: TempDir;

beforeEach(() => {
  dir = tempDir();
});

afterEach(() => {
  dir[Symbol.dispose]();
});

/** Runs a program that must succeed. */
async function succeed(cwd: string, ...cmd: readonly string[]): Promise<void> {
  const { stderr, exitCode } = await run(cmd, { cwd });
  expect(`${exitCode} ${exitCode === 0 ? "" : stderr}`).toBe("0 ");
}

/** The event that a row tells of. */
function eventOf(row: string): WatchEvent {
  const [type, path, kind, from] = row.split(" ");
  return { type, path, kind, from } as WatchEvent;
}

describe("real programs", () => {
  // One process watches them all, each in a directory of its own.
  let shared: TempDir;
  let watch: Butter;

  beforeAll(async () => {
    shared = tempDir();
    plant(shared.path, { "w/": "", "other/": "", "other/file": "" });
    symlinkSync("other", shared.at("link"));
    watch = await Butter.watch(["w", "other", "link"], { cwd: shared.path });
  });

  afterAll(async () => {
    await watch[Symbol.asyncDispose]();
    shared[Symbol.dispose]();
  });

  /** What was told since the last call. */
  let told = 0;
  async function rows(): Promise<string[]> {
    const all = await watch.rows(shared.at("w"));
    const from = told;
    told = all.length;
    return all.slice(from);
  }

  /** Plants files, and forgets what is told of them. */
  async function planted(files: Readonly<Record<string, string>>): Promise<void> {
    plant(shared.path, files);
    await rows();
  }

  test("an editor's save through another file", async () => {
    await planted({ "w/note.txt": "old" });
    writeFileSync(shared.at("w/.note.tmp"), "new");
    renameSync(shared.at("w/.note.tmp"), shared.at("w/note.txt"));
    expect(await rows()).toEqual([
      "create w/.note.tmp file",
      "change w/.note.tmp file",
      "rename w/note.txt file w/.note.tmp",
    ]);
  });

  test("mkdir -p, and a file at once: each once, from the top down", async () => {
    await succeed(shared.path, "sh", "-c", "mkdir -p w/1/2/3/4/5 && echo x >w/1/2/3/4/5/file");
    const made = (await rows()).filter((row) => row.startsWith("create "));
    expect(made).toEqual([
      "create w/1 directory",
      "create w/1/2 directory",
      "create w/1/2/3 directory",
      "create w/1/2/3/4 directory",
      "create w/1/2/3/4/5 directory",
      "create w/1/2/3/4/5/file file",
    ]);
  });

  test("a package that is unpacked beside its place, and renamed: what is in it has its new path", async () => {
    await planted({ "w/node_modules/": "" });
    plant(shared.path, { "w/node_modules/.new/lib/": "", "w/node_modules/.new/lib/index.js": "" });
    renameSync(shared.at("w/node_modules/.new"), shared.at("w/node_modules/pkg"));
    appendFileSync(shared.at("w/node_modules/pkg/lib/index.js"), "1");
    // How much of it is seen before it has its name is up to the scheduler.
    const model = new Model();
    model.entries.set("w/node_modules", "directory");
    model.apply((await rows()).map(eventOf));
    expect(model.wrong).toEqual([]);
    expect(listed(model.entries)).toEqual([
      "w/node_modules directory",
      "w/node_modules/pkg directory",
      "w/node_modules/pkg/lib directory",
      "w/node_modules/pkg/lib/index.js file",
    ]);
  });

  test.skipIf(Bun.which("tar") === null)("tar x (needs tar)", async () => {
    plant(shared.path, { "a/": "", "a/one": "1", "a/sub/": "", "a/sub/deep": "2" });
    await planted({ "w/tar/": "" });
    await succeed(shared.path, "tar", "cf", "a.tar", "-C", "a", "one", "sub");
    await succeed(shared.path, "tar", "xf", "a.tar", "-C", "w/tar");
    const seen = (await rows()).map((row) => row.replace("w/tar/", ""));
    expect(seen.filter((row) => row.startsWith("create "))).toEqual([
      "create one file",
      "create sub directory",
      "create sub/deep file",
    ]);
    expect(seen).toContain("change one file");
    expect(seen.filter((row) => /^(delete|rename|error)/.test(row))).toEqual([]);
  });

  test.skipIf(Bun.which("git") === null)("git checkout of another branch (needs git)", async () => {
    const git = (...args: readonly string[]): Promise<void> => {
      const who = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
      return succeed(shared.path, "git", "-C", "w/git", ...who, ...args);
    };
    plant(shared.path, { "w/git/": "", "w/git/changed": "1", "w/git/gone": "1" });
    await git("init", "--quiet", "--initial-branch=one");
    await git("add", ".");
    await git("commit", "--quiet", "--message=one");
    await git("checkout", "--quiet", "-b", "two");
    plant(shared.path, { "w/git/changed": "2", "w/git/new/": "", "w/git/new/file": "2" });
    await git("rm", "--quiet", "gone");
    await git("add", ".");
    await git("commit", "--quiet", "--message=two");
    await git("checkout", "--quiet", "one");
    await rows();
    await git("checkout", "--quiet", "two");
    const seen = (await rows()).filter((row) => !row.includes("/.git/"));
    const of = (name: string): string[] =>
      seen.filter((row) => row.includes(` w/git/${name} `)).map((row) => row.split(" ")[0] ?? "");
    expect(of("gone")).toEqual(["delete"]);
    expect(of("new")).toEqual(["create"]);
    expect(of("new/file")[0]).toBe("create");
    expect(of("changed")).toEqual(["delete", "create", "change"]);
  });

  test("rm -rf of a directory inside: what is in it first", async () => {
    await planted({ "w/sub/": "", "w/sub/file": "" });
    await succeed(shared.path, "rm", "-rf", "w/sub");
    expect(await rows()).toEqual(["delete w/sub/file file", "delete w/sub directory"]);
  });

  test("rm -rf of what is watched, and its return: once, although it is watched by two paths", async () => {
    await rows();
    await succeed(shared.path, "rm", "-rf", "other");
    expect(await rows()).toEqual(["delete other/file file", "delete other directory"]);
    mkdirSync(shared.at("other"));
    writeFileSync(shared.at("other/again"), "");
    const made = (await rows()).filter((row) => !row.startsWith("change "));
    expect(made).toEqual(["create other directory", "create other/again file"]);
  });
});

describe("what is told", () => {
  test("--event: words in any spelling, only they are printed, and nothing else counts", async () => {
    const args = [".", "-e", "Rename", "--event", "DELETE,attributes", "--count", "3"];
    await using watch = await Butter.watch(args, { cwd: dir.path });
    writeFileSync(dir.at("a"), "1");
    renameSync(dir.at("a"), dir.at("b"));
    chmodSync(dir.at("b"), 0o600);
    rmSync(dir.at("b"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual([
      "rename ./b file ./a",
      "attributes ./b file",
      "delete ./b file",
    ]);
  });

  test("--initial --now is what is there, without what --ignore, --gitignore and --depth leave out", async () => {
    plant(dir.path, { ".gitignore": "/build\n", "build/": "", "build/out": "", ".git/": "" });
    plant(dir.path, { "src/": "", "src/a.ts": "", "src/a.log": "", "src/deep/": "" });
    plant(dir.path, { "src/deep/er/": "", "docs/": "", "docs/x.tmp": "" });
    const rules = ["-i", "*.log", "-i", "docs/*.tmp", "--gitignore", "--depth", "1"];
    await using watch = Butter.start(["watch", dir.path, "--initial", "--now", ...rules], {
      cwd: "/",
    });
    expect(await watch.end()).toBe(0);
    const rows = rowsOf(watch.stdout.text).map((row) => row.replace(dir.path, ""));
    expect(rows.toSorted()).toEqual([
      "create  directory",
      "create /.gitignore file",
      "create /docs directory",
      "create /src directory",
      "create /src/a.ts file",
      "create /src/deep directory",
    ]);
    expect(watch.stderr.text).toBe(`Watching ${dir.path}: 6 entries\n`);
  });

  test("--modify tells of a write before the close, and --atomic of a save as one change", async () => {
    plant(dir.path, { "note.txt": "old", log: "" });
    const args = [".", "--modify", "--atomic"];
    await using watch = await Butter.watch(args, { cwd: dir.path });
    const fd = openSync(dir.at("log"), "a");
    writeSync(fd, "line\n");
    await watch.stdout.until((text) => text.includes("\tchange\t./log\tfile\n"));
    closeSync(fd);
    await watch.rows(dir.path);
    writeFileSync(dir.at(".note.tmp"), "new");
    renameSync(dir.at(".note.tmp"), dir.at("note.txt"));
    const rows = await watch.rows(dir.path);
    expect(rows.filter((row) => row.includes("note"))).toEqual(["change ./note.txt file"]);
  });
});

describe("how it is told", () => {
  test("--settle waits until a file is left alone, and --now does not", async () => {
    await using watch = await Butter.watch([".", "--settle", "1h"], { cwd: dir.path });
    writeFileSync(dir.at("file"), "1");
    appendFileSync(dir.at("file"), "2");
    mkdirSync(dir.at("sub"));
    await watch.stdout.until((text) => text.includes("\tcreate\t./sub\t"));
    expect(rowsOf(watch.stdout.text)).toEqual(["create ./sub directory"]);
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["create ./sub directory", "create ./file file"]);
    await using now = Butter.start(["watch", ".", "--settle=1h", "--initial", "--now"], {
      cwd: dir.path,
    });
    expect(await now.end()).toBe(0);
    expect(rowsOf(now.stdout.text)).toHaveLength(3);
  });

  test("--poll finds what the kernel does not tell of", async () => {
    writeFileSync(dir.at("mapped"), "text");
    await using watch = await Butter.watch([".", "--poll", "10ms", "--once"], { cwd: dir.path });
    poke(dir.at("mapped"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["change ./mapped file"]);
  });

  test("where the kernel does not tell all, it says so and how to find the rest", async () => {
    await using watch = await Butter.watch(["/proc/self/fdinfo"], { cwd: dir.path });
    const text = await watch.stderr.until((said) => said.includes("--poll finds the rest"));
    expect(text).toContain("of proc the kernel does not tell all that happens");
  });

  test("--settle that is too long is one line", async () => {
    await using watch = Butter.start(["watch", ".", "--settle", "30d"], { cwd: dir.path });
    expect(await watch.end()).toBe(1);
    expect(watch.stderr.text).toStartWith("butter watch: Cannot take --settle: ");
    expect(watch.stderr.text).toEndWith('Try "butter watch --help"\n');
  });

  test("--follow-symlinks tells of what links lead to, by their paths", async () => {
    plant(dir.path, { "w/": "", "out/": "", "out/deep/": "" });
    symlinkSync("../out", dir.at("w/link"));
    await using watch = await Butter.watch(["w", "-L"], { cwd: dir.path });
    mkdirSync(dir.at("out/deep/new"));
    expect(await watch.rows(dir.at("w"))).toEqual(["create w/link/deep/new directory"]);
  });
});

describe("--since and --snapshot", () => {
  test("--stats has columns of what is different as well", async () => {
    plant(dir.path, { "w/": "", "w/old": "text" });
    await using first = Butter.start(["watch", "w", "--snapshot", "state", "--now"], {
      cwd: dir.path,
    });
    expect(await first.end()).toBe(0);
    rmSync(dir.at("w/old"));
    plant(dir.path, { "w/new": "12345" });
    chmodSync(dir.at("w/new"), 0o640);
    await using second = Butter.start(["watch", "w", "--since", "state", "--now", "--stats"], {
      cwd: dir.path,
    });
    expect(await second.end()).toBe(0);
    const mtime = statSync(dir.at("w/new")).mtime.toISOString();
    expect(rowsOf(second.stdout.text)).toEqual([
      `create w/new file  5 0640 ${mtime}`,
      "delete w/old file    ",
    ]);
  });

  test("tell what happened while nobody watched, once, and then what happens", async () => {
    plant(dir.path, { "w/": "", "w/draft": "text", "w/old": "" });
    const take = ["watch", "w", "--snapshot", "w/state", "--now"];
    await using first = Butter.start(take, { cwd: dir.path });
    expect(await first.end()).toBe(0);
    expect(first.stdout.text).toBe("");
    renameSync(dir.at("w/draft"), dir.at("w/final"));
    rmSync(dir.at("w/old"));
    plant(dir.path, { "w/new/": "", "w/new/file": "" });
    const both = ["w", "--since", "w/state", "--snapshot", "w/state"];
    const missed = [
      "create w/new directory",
      "create w/new/file file",
      "delete w/old file",
      "rename w/final file w/draft",
    ];
    await using second = await Butter.watch(both, { cwd: dir.path });
    await second.stdout.until((text) => text.split("\n").length > missed.length);
    mkdirSync(dir.at("w/live"));
    expect((await second.rows(dir.at("w"))).toSorted()).toEqual(
      [...missed, "create w/live directory"].toSorted(),
    );
    second.signal("SIGTERM");
    expect(await second.end()).toBe(0);
    // From another directory, and all is gone.
    rmSync(dir.at("w/new"), { recursive: true });
    const after = ["watch", dir.at("w"), "--since", dir.at("w/state"), "--now"];
    await using third = Butter.start(after, { cwd: "/" });
    expect(await third.end()).toBe(0);
    const rows = rowsOf(third.stdout.text).map((row) => row.replace(`${dir.path}/`, ""));
    expect(rows).toEqual(["delete w/new/file file", "delete w/new directory"]);
  });

  test("a file that is not there is an error", async () => {
    await using watch = Butter.start(["watch", ".", "--since", "state"], { cwd: dir.path });
    expect(await watch.end()).toBe(1);
    expect(watch.stderr.text).toMatch(/^butter watch: Cannot read "state": ENOENT.*\n$/);
    expect(watch.stdout.text).toBe("");
  });
});

describe("output", () => {
  const strange = Buffer.from([0x61, 0x09, 0x5c, 0x0a, 0xff, 0xc3, 0xa9]);
  const strangePath = (): Buffer => Buffer.concat([Buffer.from(`${dir.path}/`), strange]);

  test("a pipe gets the time, the type, the path and the kind between tabs, a path that is not UTF-8 on one line", async () => {
    mkdirSync(strangePath());
    // A shell makes the argument: Bun.spawn's own are text.
    const through = ["/bin/sh", "-c", 'exec "$@" *', "sh"];
    await using watch = await Butter.watch(["--once"], { cwd: dir.path, through });
    mkdirSync(Buffer.concat([strangePath(), Buffer.from("/sub")]));
    expect(await watch.end()).toBe(0);
    const [time = "", ...rest] = watch.stdout.text.split("\t");
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual(["create", "a\\t\\\\\\n\\xFFé/sub", "directory\n"]);
    expect(watch.stderr.text).toBe("Watching a\\t\\\\\\n\uFFFDé: 1 entry\n");
  });

  test("--json prints one event a line, --stats what it was", async () => {
    plant(dir.path, { sub: "text" });
    chmodSync(dir.at("sub"), 0o640);
    await using watch = await Butter.watch(["--json", "--stats", ".", "--count", "3"], {
      cwd: dir.path,
    });
    const { ino, uid, gid, mtimeMs } = statSync(dir.at("sub"));
    renameSync(dir.at("sub"), dir.at("moved"));
    renameSync(dir.at("moved"), strangePath());
    rmSync(strangePath());
    expect(await watch.end()).toBe(0);
    const lines = watch.stdout.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { time } of lines) expect(new Date(`${time}`).toISOString()).toBe(`${time}`);
    const text = "./a\t\\\n\uFFFDé";
    const time = expect.any(String);
    const pathBytes = [...Buffer.from("./"), ...strange];
    // It may be gone or elsewhere before it is looked at.
    for (const line of lines) {
      const { stats, pid } = line;
      delete line["stats"];
      // Known if fanotify is allowed.
      delete line["pid"];
      expect([undefined, process.pid]).toContain(pid as number | undefined);
      if (stats === undefined) continue;
      const known = { ino, uid, gid, nlink: 1, size: 4, mode: 0o100640 };
      expect(stats).toMatchObject(known);
      expect((stats as { mtimeMs: number }).mtimeMs).toBeCloseTo(mtimeMs, 0);
    }
    expect(lines).toEqual([
      { time, type: "rename", path: "./moved", kind: "file", from: "./sub" },
      { time, type: "rename", path: text, kind: "file", from: "./moved", pathBytes },
      { time, type: "delete", path: text, kind: "file", pathBytes },
    ]);
  });

  test("5,000 events through a pipe are all there, in order", async () => {
    plant(dir.path, { "w/": "" });
    const through = ["/bin/sh", "-c", '"$@" | cat >rows', "sh"];
    const args = ["w", "--event", "create", "--count", "5000"];
    await using watch = await Butter.watch(args, { cwd: dir.path, through });
    const names = Array.from({ length: 5000 }, (_, n) => `${n}`);
    for (const name of names) linkSync(dir.at("rows"), dir.at("w", name));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(readFileSync(dir.at("rows"), "utf8"))).toEqual(
      names.map((name) => `create w/${name} file`),
    );
  });

  test("a reader that leaves ends it quietly, although nothing happens any more", async () => {
    const script = `"$@" | head -n 1; wait`;
    const through = ["/bin/sh", "-c", script, "sh"];
    await using watch = await Butter.watch(["."], { cwd: dir.path, through });
    symlinkSync("nowhere", dir.at("only"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["create ./only symlink"]);
    expect(watch.stderr.text).toBe("Watching .: 1 entry\n");
  });

  test("a reader that does not read holds it up, and a signal still ends it", async () => {
    const script = `{ "$@"; echo "exit $?" >&2; } | { read -r line; echo "$line"; sleep 100 >&2 & echo "reader $!" >&2; wait; }`;
    const through = ["/bin/sh", "-c", script, "sh"];
    const args = [".", "--event", "create", "--exec", 'echo "ran $PPID" >&2'];
    await using watch = await Butter.watch(args, { cwd: dir.path, through });
    // More than a pipe holds.
    plant(dir.path, { file: "" });
    for (let n = 0; n < 500; n++) linkSync(dir.at("file"), dir.at(`${n}-`.padEnd(255, "x")));
    const text = await watch.stderr.until((t) => /reader \d+\n/.test(t) && /ran \d+\n/.test(t));
    process.kill(Number(/ran (\d+)/.exec(text)?.[1]), "SIGTERM");
    expect(await watch.stderr.until((t) => /exit \d+\n/.test(t))).toContain("exit 0\n");
    process.kill(Number(/reader (\d+)/.exec(text)?.[1]), "SIGKILL");
    expect(await watch.end()).toBe(0);
  });

  test("a full disk under standard output is an error", async () => {
    const through = ["/bin/sh", "-c", 'exec "$@" >/dev/full', "sh"];
    await using watch = await Butter.watch(["."], { cwd: dir.path, through });
    mkdirSync(dir.at("sub"));
    expect(await watch.end()).toBe(1);
    expect(watch.stderr.text).toMatch(/\nbutter watch: Cannot write to standard output: .*ENOSPC/);
    expect(watch.stderr.text).not.toContain("    at ");
  });

  test("FORCE_COLOR colours the tab-separated format, and --stats has columns", async () => {
    plant(dir.path, { file: "text" });
    const options = { cwd: dir.path, env: { FORCE_COLOR: "1" } };
    await using tab = await Butter.watch([".", "--once", "--stats"], options);
    chmodSync(dir.at("file"), 0o4755);
    expect(await tab.end()).toBe(0);
    const mtime = statSync(dir.at("file")).mtime.toISOString();
    expect(tab.stdout.text).toEndWith(
      `\t\x1b[90mattributes\x1b[39m\t./file\tfile\t\t4\t4755\t${mtime}\n`,
    );
  });
});

describe("its end", () => {
  test("SIGINT, SIGTERM and SIGHUP print what has come and a summary, and exit with 0, unless they were ignored at the start", async () => {
    plant(dir.path, { "w/": "", "calm/": "" });
    const start = (path: string, ...through: string[]): Promise<Butter> =>
      Butter.watch([path], { cwd: dir.path, through });
    const [int, term, hup] = await Promise.all([
      start("w", "/bin/sh", "-c", 'trap "" HUP TERM; exec "$@"', "sh"),
      start("w"),
      start("calm"),
    ]);
    await using _int = int;
    await using _term = term;
    await using _hup = hup;
    int.signal("SIGHUP");
    int.signal("SIGTERM");
    mkdirSync(dir.at("w/a"));
    mkdirSync(dir.at("w/b"));
    // The second half of this rename is nowhere.
    renameSync(dir.at("w/a"), dir.at("outside"));
    int.signal("SIGINT");
    term.signal("SIGTERM");
    hup.signal("SIGHUP");
    expect([await int.end(), await term.end(), await hup.end()]).toEqual([0, 0, 0]);
    for (const { stdout, stderr } of [int, term]) {
      expect(rowsOf(stdout.text)).toEqual([
        "create w/a directory",
        "create w/b directory",
        "delete w/a directory",
      ]);
      expect(stderr.text).toMatch(
        /^Watching w: 1 entry\n3 events in \d+\.\d s: 2 create, 1 delete\n$/,
      );
    }
    expect(hup.stderr.text).toMatch(/^Watching calm: 1 entry\n0 events in \d+\.\d s\n$/);
  });

  test("a second signal ends it at once, whatever it waits for", async () => {
    const command = "trap 'echo not yet' TERM; echo started; while :; do sleep 0.01; done";
    await using watch = await Butter.watch([".", "--exec", command], { cwd: dir.path });
    mkdirSync(dir.at("a"));
    await watch.stderr.until((text) => text.includes("started\n"));
    watch.signal("SIGTERM");
    await watch.stderr.until((text) => text.includes("not yet\n"));
    watch.signal("SIGINT");
    // Its standard error ends when the command, which has it as well, is gone too.
    expect(await watch.end()).toBe("SIGINT");
    expect(watch.stderr.text).not.toContain("event");
  });

  test("--count prints as many as asked, of however many came together", async () => {
    await using three = await Butter.watch([".", "--count", "3"], { cwd: dir.path });
    three.signal("SIGSTOP");
    for (let n = 0; n < 10; n++) mkdirSync(dir.at(`${n}`));
    three.signal("SIGCONT");
    expect(await three.end()).toBe(0);
    expect(rowsOf(three.stdout.text)).toEqual([0, 1, 2].map((n) => `create ./${n} directory`));
  });

  test("--timeout exits with 2 when nothing comes, but does not count while it is stopped", async () => {
    await using watch = await Butter.watch([".", "--timeout", ".3"], { cwd: dir.path });
    watch.signal("SIGSTOP");
    mkdirSync(dir.at("late"));
    // That its time passes meanwhile is what this is about.
    await Bun.sleep(350);
    watch.signal("SIGCONT");
    expect(await watch.end()).toBe(2);
    expect(rowsOf(watch.stdout.text)).toEqual(["create ./late directory"]);
    expect(watch.stderr.text).toBe("Watching .: 1 entry\n");
  });
});

describe("what can't be watched", () => {
  test("a wrong command line and a missing path are one line each, and 1", async () => {
    await using wrong = Butter.start(["watch", ".", "--frobnicate"], { cwd: dir.path });
    await using missing = Butter.start(["watch", ".", "missing/below"], { cwd: dir.path });
    expect([await wrong.end(), await missing.end()]).toEqual([1, 1]);
    expect(wrong.stderr.text).toMatch(
      /^butter watch: Cannot take --frobnicate: .*\nTry "butter watch --help"\n$/,
    );
    expect(missing.stderr.text).toBe(
      "butter watch: Cannot watch missing/below: it is not there (to be told when it comes, watch the directory that it will be in)\n",
    );
    expect(wrong.stdout.text + missing.stdout.text).toBe("");
  });

  const root = process.getuid?.() === 0;
  test.skipIf(root && Bun.which("setpriv") === null)(
    "a directory without read permission is an error row and a reason, and 1 if it is all there is (needs setpriv when root)",
    async () => {
      plant(dir.path, { "closed/": "", "w/": "", "w/closed/": "" });
      chmodSync(dir.at("closed"), 0o000);
      chmodSync(dir.at("w/closed"), 0o000);
      const through = root ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
      const options = { cwd: dir.path, through };
      await using watch = await Butter.watch(["w"], options);
      await using nothing = Butter.start(["watch", "closed"], options);
      mkdirSync(dir.at("w/sub"));
      expect(await watch.rows(dir.at("w"))).toEqual([
        "error w/closed directory",
        "create w/sub directory",
      ]);
      const reason =
        /\nbutter watch: Cannot openat on ".*w\/closed": permission denied \(EACCES\)\n/;
      await watch.stderr.until((text) => reason.test(text));
      expect(await nothing.end()).toBe(1);
      expect(rowsOf(nothing.stdout.text)).toEqual(["error closed directory"]);
      expect(nothing.stderr.text).toEndWith(
        "butter watch: Cannot go on: nothing is left of what was watched\n",
      );
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated)(
    "the limits of watches and instances are named (needs a user namespace)",
    async () => {
      plant(dir.path, { "a/": "", "b/": "" });
      const limited = async (limit: string): Promise<string> => {
        const script = `echo ${limit.split("=")[1]} >/proc/sys/user/${limit.split("=")[0]} && exec "$@"`;
        const args = ["watch", "a", "b", "--now", "--initial"];
        const cmd = ["unshare", "-Ur", "/bin/sh", "-c", script, "sh", ...butter, ...args];
        const { stderr, exitCode } = await run(cmd, { cwd: dir.path, env: plainEnv });
        return `${exitCode} ${stderr}`;
      };
      expect(await limited("max_inotify_watches=1")).toMatch(
        /butter watch: Cannot inotify_add_watch on ".*": no space left on device \(ENOSPC\): raise user\.max_inotify_watches \(1 now\).*\n/,
      );
      expect(await limited("max_inotify_instances=0")).toMatch(
        /^1 butter watch: Cannot inotify_init1: too many open files \(EMFILE\): raise user\.max_inotify_instances \(0 now\).*\n$/,
      );
    },
  );
});
