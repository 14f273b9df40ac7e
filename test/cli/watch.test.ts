/** `butter watch` as a process, while real programs work in what it watches. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { Butter, butter, plainEnv, plant, rowsOf } from "../support/butter.ts";
import { can, emulated } from "../support/capabilities.ts";
import { run } from "../support/child.ts";
import { sysctl } from "../support/sysctl.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

let dir: TempDir;

beforeEach(() => {
  dir = tempDir();
});

afterEach(() => {
  dir[Symbol.dispose]();
});

/** Runs a program that must succeed. */
async function succeed(...cmd: readonly string[]): Promise<void> {
  const { stderr, exitCode } = await run(cmd, { cwd: dir.path });
  expect(`${exitCode} ${exitCode === 0 ? "" : stderr}`).toBe("0 ");
}

const git = (...args: readonly string[]): Promise<void> =>
  succeed("git", "-C", "w", "-c", "user.name=n", "-c", "user.email=e@example.org", ...args);

describe("real programs", () => {
  const saved = ["CREATE", "MODIFY", "CLOSE_WRITE"] as const;

  test("an editor's atomic save: a temporary file takes the old one's place", async () => {
    plant(dir.path, { "w/": "", "w/note.txt": "old" });
    await using watch = await Butter.watch(["w"], { cwd: dir.path });
    writeFileSync(dir.at("w/.note.tmp"), "new");
    renameSync(dir.at("w/.note.tmp"), dir.at("w/note.txt"));
    expect(await watch.rows(dir.at("w"))).toEqual([
      ...saved.map((word) => `${word} w/.note.tmp`),
      "MOVED_FROM w/.note.tmp",
      "MOVED_TO w/note.txt",
    ]);
  });

  test.skipIf(Bun.which("tar") === null)("tar x (needs tar)", async () => {
    plant(dir.path, { "a/": "", "a/one": "1", "a/sub/": "", "a/sub/deep": "2", "w/": "" });
    await succeed("tar", "cf", "a.tar", "-C", "a", "one", "sub");
    await using watch = await Butter.watch(["w", "--event", "create,close_write"], {
      cwd: dir.path,
    });
    await succeed("tar", "xf", "a.tar", "-C", "w");
    expect(await watch.rows(dir.at("w"))).toEqual([
      "CREATE w/one",
      "CLOSE_WRITE w/one",
      "CREATE,ISDIR w/sub",
    ]);
  });

  test.skipIf(Bun.which("git") === null)("git checkout of another branch (needs git)", async () => {
    plant(dir.path, { "w/": "", "w/changed": "1", "w/gone": "1" });
    await git("init", "--quiet", "--initial-branch=one");
    await git("add", ".");
    await git("commit", "--quiet", "--message=one");
    await git("checkout", "--quiet", "-b", "two");
    plant(dir.path, { "w/changed": "2", "w/new": "2" });
    await git("rm", "--quiet", "gone");
    await git("add", ".");
    await git("commit", "--quiet", "--message=two");
    await git("checkout", "--quiet", "one");

    await using watch = await Butter.watch(["w"], { cwd: dir.path });
    await git("checkout", "--quiet", "two");
    const rows = await watch.rows(dir.at("w"));
    const of = (name: string): string[] =>
      rows.filter((row) => row.endsWith(` w/${name}`)).map((row) => row.split(" ")[0] ?? "");
    expect(of("gone")).toEqual(["DELETE"]);
    expect(of("new")).toEqual([...saved]);
    expect(of("changed")).toEqual(["DELETE", ...saved]);
  });

  test("rm -rf of a directory inside", async () => {
    plant(dir.path, { "w/sub/": "", "w/sub/file": "" });
    await using watch = await Butter.watch(["w", "w/sub"], { cwd: dir.path });
    await succeed("rm", "-rf", "w/sub");
    expect(await watch.rows(dir.at("w"))).toEqual([
      "DELETE w/sub/file",
      "DELETE_SELF w/sub",
      "IGNORED w/sub",
      "DELETE,ISDIR w/sub",
    ]);
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
  });

  test("rm -rf of all that is watched ends it with 1", async () => {
    plant(dir.path, { "w/": "", "w/file": "", other: "" });
    await using watch = await Butter.watch(["w", "other"], { cwd: dir.path });
    expect(watch.stderr.text).toBe("Watching 1 directory and 1 file\n");
    await succeed("rm", "-rf", "w", "other");
    expect(await watch.end()).toBe(1);
    expect(rowsOf(watch.stdout.text).filter((row) => !row.startsWith("ATTRIB"))).toEqual([
      "DELETE w/file",
      "DELETE_SELF w",
      "IGNORED w",
      "DELETE_SELF other",
      "IGNORED other",
    ]);
    expect(await watch.stderr.all()).toEndWith(
      "butter watch: Cannot go on: nothing is left of what was watched\n",
    );
  });
});

describe("output", () => {
  const strange = Buffer.from([0x61, 0x09, 0x5c, 0x0a, 0xff, 0xc3, 0xa9]);
  const strangePath = (): Buffer => Buffer.concat([Buffer.from(`${dir.path}/`), strange]);

  test("a pipe gets the time, the events and the path between tabs", async () => {
    await using watch = await Butter.watch([dir.path, "--count", "1"], { cwd: dir.path });
    mkdirSync(dir.at("sub"));
    expect(await watch.end()).toBe(0);
    const [time = "", ...rest] = watch.stdout.text.split("\t");
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual(["CREATE,ISDIR", `${dir.path}/sub\n`]);
  });

  test("a strange name stays on its line", async () => {
    await using watch = await Butter.watch(["./", "--once"], { cwd: dir.path });
    writeFileSync(strangePath(), "");
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE ./a\\t\\\\\\n\\xFFé"]);
  });

  test("a directory's name need not be UTF-8 either", async () => {
    mkdirSync(strangePath());
    // A shell makes the argument: Bun.spawn's own are text.
    const through = ["/bin/sh", "-c", 'exec "$@" *', "sh"];
    await using watch = await Butter.watch(["--once"], { cwd: dir.path, through });
    mkdirSync(Buffer.concat([strangePath(), Buffer.from("/sub")]));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE,ISDIR a\\t\\\\\\n\\xFFé/sub"]);
  });

  test("--json prints one object a line, with the halves of a rename connected", async () => {
    plant(dir.path, { "sub/": "" });
    await using watch = await Butter.watch(["--json", ".", "--count", "3"], { cwd: dir.path });
    renameSync(dir.at("sub"), dir.at("moved"));
    writeFileSync(strangePath(), "");
    expect(await watch.end()).toBe(0);
    const lines = watch.stdout.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { time } of lines) expect(new Date(`${time}`).toISOString()).toBe(`${time}`);
    const cookie = lines[0]?.["cookie"];
    expect(cookie).toBeGreaterThan(0);
    const moved = { time: expect.any(String), directory: true, wd: 1, cookie };
    expect(lines).toEqual([
      { ...moved, flags: ["MOVED_FROM", "ISDIR"], path: "./sub", name: "sub", mask: 0x40000040 },
      { ...moved, flags: ["MOVED_TO", "ISDIR"], path: "./moved", name: "moved", mask: 0x40000080 },
      {
        time: expect.any(String),
        flags: ["CREATE"],
        path: "./a\t\\\n\uFFFDé",
        name: "a\t\\\n\uFFFDé",
        directory: false,
        wd: 1,
        mask: 0x100,
        cookie: 0,
        nameBytes: [...strange],
        pathBytes: [...Buffer.from("./"), ...strange],
      },
    ]);
  });

  test("a watched directory itself is known as one, and a file is not", async () => {
    plant(dir.path, { "w/": "", file: "" });
    await using watch = await Butter.watch(["-j", "w", "file", "-e", "move_self", "-n", "2"], {
      cwd: dir.path,
    });
    renameSync(dir.at("w"), dir.at("w2"));
    renameSync(dir.at("file"), dir.at("file2"));
    expect(await watch.end()).toBe(0);
    const [first, second] = watch.stdout.text.split("\n").map((line) => line && JSON.parse(line));
    expect(first).toMatchObject({ flags: ["MOVE_SELF"], path: "w", name: "", directory: true });
    expect(second).toMatchObject({
      flags: ["MOVE_SELF"],
      path: "file",
      name: "",
      directory: false,
    });
  });

  test("20,000 events through a pipe are all there, in order", async () => {
    plant(dir.path, { "w/": "" });
    const through = ["/bin/sh", "-c", '"$@" | cat >rows', "sh"];
    const args = ["w", "--event", "create", "--count", "20000"];
    await using watch = await Butter.watch(args, { cwd: dir.path, through });
    const line = `${new Date().toISOString()}\tCREATE\tw/00000\n`;
    for (let made = 0; made < 20_000;) {
      const end = made + 5000;
      for (; made < end; made++) linkSync(dir.at("rows"), dir.at("w", `${made}`.padStart(5, "0")));
      // The kernel's queue has room for 16,384 by default.
      const expected = end * line.length;
      while (statSync(dir.at("rows")).size < expected) await Bun.sleep(1);
    }
    expect(await watch.end()).toBe(0);
    expect(rowsOf(readFileSync(dir.at("rows"), "utf8"))).toEqual(
      Array.from({ length: 20_000 }, (_, n) => `CREATE w/${`${n}`.padStart(5, "0")}`),
    );
  });

  test("a reader that leaves ends it quietly, although nothing happens any more", async () => {
    const script = `"$@" | head -n 1; wait`;
    const through = ["/bin/sh", "-c", script, "sh"];
    await using watch = await Butter.watch(["."], { cwd: dir.path, through });
    symlinkSync("nowhere", dir.at("only"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE ./only"]);
    expect(watch.stderr.text).toBe("Watching 1 directory\n");
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

  test("FORCE_COLOR colours the tab-separated format, and --json never", async () => {
    const options = { cwd: dir.path, env: { FORCE_COLOR: "1" } };
    await using tab = await Butter.watch([".", "--once"], options);
    await using json = await Butter.watch([".", "--once", "--json"], options);
    mkdirSync(dir.at("sub"));
    expect([await tab.end(), await json.end()]).toEqual([0, 0]);
    expect(tab.stdout.text).toEndWith("\t\x1b[32mCREATE,ISDIR\x1b[39m\t./sub\n");
    expect(json.stdout.text).toStartWith('{"time":');
  });
});

describe("its end", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s prints what has come and a summary, and exits with 0",
    async (signal) => {
      await using watch = await Butter.watch(["."], { cwd: dir.path });
      mkdirSync(dir.at("a"));
      mkdirSync(dir.at("b"));
      rmSync(dir.at("a"), { recursive: true });
      watch.signal(signal);
      expect(await watch.end()).toBe(0);
      expect(rowsOf(watch.stdout.text)).toEqual([
        "CREATE,ISDIR ./a",
        "CREATE,ISDIR ./b",
        "DELETE,ISDIR ./a",
      ]);
      expect(watch.stderr.text).toMatch(
        /^Watching 1 directory\n3 events in \d+\.\d s: 2 CREATE, 1 DELETE\n$/,
      );
    },
  );

  test("a summary without events says so, and --quiet has none", async () => {
    await using watch = await Butter.watch(["."], { cwd: dir.path });
    watch.signal("SIGINT");
    expect(await watch.end()).toBe(0);
    expect(watch.stderr.text).toMatch(/^Watching 1 directory\n0 events in \d+\.\d s\n$/);
    const args = ["watch", ".", "--quiet", "--timeout", "0"];
    await using quiet = Butter.start(args, { cwd: dir.path });
    expect(await quiet.end()).toBe(2);
    expect(quiet.stdout.text + quiet.stderr.text).toBe("");
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

  test("a signal that was ignored when it started stays ignored", async () => {
    const through = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"];
    await using watch = await Butter.watch(["."], { cwd: dir.path, through });
    watch.signal("SIGINT");
    mkdirSync(dir.at("after"));
    expect(await watch.rows(dir.path)).toContain("CREATE,ISDIR ./after");
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
  });

  test("--once prints one event, and --count as many as asked, of however many came together", async () => {
    await using once = await Butter.watch([".", "--once"], { cwd: dir.path });
    await using three = await Butter.watch([".", "--count", "3"], { cwd: dir.path });
    for (const { pid } of [once, three]) process.kill(pid, "SIGSTOP");
    for (let n = 0; n < 10; n++) mkdirSync(dir.at(`${n}`));
    for (const { pid } of [once, three]) process.kill(pid, "SIGCONT");
    expect([await once.end(), await three.end()]).toEqual([0, 0]);
    expect(rowsOf(once.stdout.text)).toEqual(["CREATE,ISDIR ./0"]);
    expect(rowsOf(three.stdout.text)).toEqual([0, 1, 2].map((n) => `CREATE,ISDIR ./${n}`));
  });

  test("--timeout exits with 2 when nothing comes, and prints what came before", async () => {
    await using watch = await Butter.watch([".", "--timeout", "0.5", "--count", "5"], {
      cwd: dir.path,
    });
    mkdirSync(dir.at("a"));
    expect(await watch.end()).toBe(2);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE,ISDIR ./a"]);
  });

  test("--timeout does not count the time in which it was stopped", async () => {
    await using watch = await Butter.watch([".", "--timeout", ".5", "--once"], { cwd: dir.path });
    watch.signal("SIGSTOP");
    mkdirSync(dir.at("a"));
    await Bun.sleep(600);
    watch.signal("SIGCONT");
    expect(await watch.end()).toBe(0);
  });

  test("an event that nobody asked for does not end --once", async () => {
    plant(dir.path, { "w/": "" });
    await using watch = await Butter.watch(["w", "--event", "create", "--once"], {
      cwd: dir.path,
    });
    rmSync(dir.at("w"), { recursive: true });
    expect(await watch.end()).toBe(1);
    expect(rowsOf(watch.stdout.text)).toEqual(["IGNORED w"]);
  });
});

describe("--event", () => {
  test("takes words in any spelling, and only they are printed", async () => {
    const args = [".", "-e", "Moved-To,CLOSE_WRITE", "--event", "delete"];
    await using watch = await Butter.watch(args, { cwd: dir.path });
    writeFileSync(dir.at("a"), "1");
    renameSync(dir.at("a"), dir.at("b"));
    rmSync(dir.at("b"));
    watch.signal("SIGTERM");
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CLOSE_WRITE ./a", "MOVED_TO ./b", "DELETE ./b"]);
  });

  test("all has the reads as well, which are left out otherwise", async () => {
    plant(dir.path, { file: "content" });
    // In this order, because a process that starts here opens the directory.
    await using changes = await Butter.watch(["."], { cwd: dir.path });
    await using all = await Butter.watch([".", "--event", "all"], { cwd: dir.path });
    readFileSync(dir.at("file"));
    expect(await all.rows(dir.path)).toEqual([
      "OPEN ./file",
      "ACCESS ./file",
      "CLOSE_NOWRITE ./file",
    ]);
    expect(await changes.rows(dir.path)).toEqual([]);
  });
});

describe("bad input", () => {
  const usage = 'Try "butter watch --help"\n';
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [[], `butter watch: Cannot watch nothing: name at least one directory or file\n${usage}`],
    [
      ["missing"],
      'butter watch: Cannot inotify_add_watch on "missing": no such file or directory (ENOENT)\n',
    ],
    [
      [".", "missing/below"],
      'butter watch: Cannot inotify_add_watch on "missing/below": no such file or directory (ENOENT)\n',
    ],
    [[""], 'butter watch: Cannot inotify_add_watch on "": no such file or directory (ENOENT)\n'],
    [
      [".", "--event", "create,wash"],
      `butter watch: Cannot take --event: "wash" is none of access, modify, attrib, close_write, close_nowrite, close, open, moved_from, moved_to, move, create, delete, delete_self, move_self, all\n${usage}`,
    ],
    [
      [".", "--count", "0"],
      `butter watch: Cannot take --count: "0" is not a whole number of at least 1\n${usage}`,
    ],
    [
      [".", "--count", "1e3"],
      `butter watch: Cannot take --count: "1e3" is not a whole number of at least 1\n${usage}`,
    ],
    [
      [".", "--timeout=-1"],
      `butter watch: Cannot take --timeout: "-1" is not a number of seconds of at least 0\n${usage}`,
    ],
    [
      [".", "--timeout", "-1"],
      `butter watch: Cannot take --timeout: a value that begins with "-" needs "=": --timeout=VALUE\n${usage}`,
    ],
    [
      [".", "-t", "Infinity"],
      `butter watch: Cannot take --timeout: "Infinity" is not a number of seconds of at least 0\n${usage}`,
    ],
    [[".", "-t"], `butter watch: Cannot take --timeout: its value is missing\n${usage}`],
    [[".", "--once=1"], `butter watch: Cannot take --once: it takes no value\n${usage}`],
    [
      [".", "--once", "--count", "2"],
      `butter watch: Cannot take --once and --count together: --once is --count 1\n${usage}`,
    ],
    [
      [".", "--restart"],
      `butter watch: Cannot take --restart: there is no --exec whose command it would end\n${usage}`,
    ],
    [[".", "--exec", " "], `butter watch: Cannot take --exec: the command is empty\n${usage}`],
    [
      ["--frobnicate"],
      `butter watch: Cannot take --frobnicate: there is no such option (what begins with "-" and is none goes behind "--")\n${usage}`,
    ],
  ];

  test.each(cases)("%j exits with 1 and says why", async (args, message) => {
    await using watch = Butter.start(["watch", ...args], { cwd: dir.path });
    expect(await watch.end()).toBe(1);
    expect(watch.stderr.text).toBe(message);
    expect(watch.stdout.text).toBe("");
  });

  test("a path that begins with a dash goes behind --", async () => {
    plant(dir.path, { "-w/": "" });
    await using watch = await Butter.watch(["--once", "--", "-w"], { cwd: dir.path });
    mkdirSync(dir.at("-w", "sub"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE,ISDIR -w/sub"]);
  });

  test("the same directory twice is watched once, with a remark", async () => {
    plant(dir.path, { "w/": "" });
    symlinkSync("w", dir.at("link"));
    await using watch = await Butter.watch(["w", "link", "--once"], { cwd: dir.path });
    expect(watch.stderr.text).toBe(
      'butter watch: "link" is watched already, and not twice\nWatching 1 directory\n',
    );
    mkdirSync(dir.at("w/sub"));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual(["CREATE,ISDIR w/sub"]);
  });

  const root = process.getuid?.() === 0;
  test.skipIf(root && Bun.which("setpriv") === null)(
    "a directory without read permission is EACCES (needs setpriv when root)",
    async () => {
      mkdirSync(dir.at("closed"));
      chmodSync(dir.at("closed"), 0o000);
      const through = root ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
      await using watch = Butter.start(["watch", "closed"], { cwd: dir.path, through });
      expect(await watch.end()).toBe(1);
      expect(watch.stderr.text).toBe(
        'butter watch: Cannot inotify_add_watch on "closed": permission denied (EACCES): watching needs read permission\n',
      );
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated)(
    "the limits of watches and instances are named (needs a user namespace)",
    async () => {
      plant(dir.path, { "a/": "", "b/": "" });
      const limited = async (limit: string): Promise<string> => {
        const script = `echo ${limit.split("=")[1]} >/proc/sys/user/${limit.split("=")[0]} && exec "$@"`;
        const cmd = ["unshare", "-Ur", "/bin/sh", "-c", script, "sh", ...butter, "watch", "a", "b"];
        const { stderr, exitCode } = await run(cmd, { cwd: dir.path, env: plainEnv });
        return `${exitCode} ${stderr}`;
      };
      expect(await limited("max_inotify_watches=1")).toMatch(
        /^1 butter watch: Cannot inotify_add_watch on "b": no space left on device \(ENOSPC\): raise fs\.inotify\.max_user_watches .*\n$/,
      );
      expect(await limited("max_inotify_instances=0")).toMatch(
        /^1 butter watch: Cannot inotify_init1: too many open files \(EMFILE\): raise fs\.inotify\.max_user_instances .*\n$/,
      );
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN"))(
    "a full queue is an OVERFLOW row and a hint, and life goes on (needs root to lower max_queued_events)",
    async () => {
      await using watch = await (async () => {
        // The kernel reads it when an instance is made.
        using _ = sysctl("fs.inotify.max_queued_events", 500);
        return await Butter.watch([".", "--event", "create"], { cwd: dir.path });
      })();
      watch.signal("SIGSTOP");
      plant(dir.path, { file: "" });
      for (let n = 0; n < 600; n++) linkSync(dir.at("file"), dir.at(`${n}`));
      watch.signal("SIGCONT");
      await watch.stdout.until((text) => text.includes("\tOVERFLOW\t\n"));
      mkdirSync(join(dir.path, "after"));
      expect((await watch.rows(dir.path)).slice(-2)).toEqual(["OVERFLOW ", "CREATE,ISDIR ./after"]);
      expect(watch.stderr.text).toMatch(
        /\nbutter watch: events were lost: raise fs\.inotify\.max_queued_events \(\d+ now\), or /,
      );
    },
  );
});
