/** `butter trace` as a process, while other processes use files of a file system of their own. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { type Butter, butter, plainEnv } from "../support/butter.ts";
import { can, emulated, slowness } from "../support/capabilities.ts";
import { bun, type ChildResult, run } from "../support/child.ts";
import { canEnter, inside, sh, startMounted } from "../support/mounted-butter.ts";
import { tempDir } from "../support/temp.ts";

/** Starts it when there is a tmpfs at a directory. */
async function start(dir: string, args: readonly string[], setup = ""): Promise<Butter> {
  return await startMounted(`mount -t tmpfs none ${dir}; ${setup}`, ["trace", ...args], "Tracing ");
}

/** A process that runs a script of Bun and then stays until it is killed, so that it has a name. */
function actor(child: Butter, script: string): Bun.Subprocess<"pipe", "inherit", "inherit"> {
  const code = `import * as fs from "node:fs"; ${script}; process.stdin.resume();`;
  return Bun.spawn(inside(child.pid, bun, "--eval", code), {
    stdin: "pipe",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
    timeout: 30_000 * slowness,
    killSignal: "SIGKILL",
  });
}

interface Told {
  readonly name: string;
  readonly pid: number;
  readonly events: readonly string[];
  readonly paths: readonly string[];
}

/** Rows; those of one process about one file are one, as they are if they come together. */
function toldOf(text: string): Told[] {
  const all: Told[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const [, name = "", pid = "", events = "", ...paths] = line.split("\t");
    const last = all.at(-1);
    const row = { name, pid: Number(pid), events: events.split(","), paths };
    if (last?.pid === row.pid && Bun.deepEquals(last.paths, paths))
      all[all.length - 1] = {
        ...row,
        events: [...new Set([...last.events, ...row.events])],
      };
    else all.push(row);
  }
  return all;
}

/** `EVENTS path`, in the order of the alphabet. */
const short = ({ events, paths }: Told): string =>
  `${events.toSorted().join()} ${paths.join(" -> ")}`;

/** Makes one more file, and resolves with what was told before it. */
async function until(child: Butter, file: string): Promise<Told[]> {
  await sh(child.pid, `: >${file}`);
  const text = await child.stdout.until(
    (printed) => printed.includes(`${file}\n`) || printed.includes(`${file}"`),
  );
  return toldOf(text).filter(({ paths }) => !paths.includes(file));
}

/** Runs what ends by itself. */
async function ended(
  args: readonly string[],
  through: readonly string[] = [],
): Promise<ChildResult> {
  return await run([...through, ...butter, "trace", ...args], { env: plainEnv });
}

describe.skipIf(!canEnter)("rows (needs CAP_SYS_ADMIN, no emulation)", () => {
  test("tell which process opens, writes, renames, executes and deletes which file", async () => {
    using dir = tempDir();
    const { path } = dir;
    await using child = await start(path, [path], `cp ${Bun.which("true")} ${path}/program`);
    await using other = actor(
      child,
      `
      const dir = ${JSON.stringify(path)};
      fs.mkdirSync(dir + "/sub");
      fs.writeFileSync(dir + "/sub/a", "text");
      fs.readFileSync(dir + "/sub/a");
      fs.renameSync(dir + "/sub/a", dir + "/b");
      fs.chmodSync(dir + "/b", 0o600);
      fs.unlinkSync(dir + "/b");
      fs.rmdirSync(dir + "/sub");
      `,
    );
    await child.stdout.until((text) => text.includes("DELETE"));
    await sh(child.pid, `${path}/program`);
    const rows = await until(child, `${path}/end`);
    const own = rows.filter(({ pid }) => pid === other.pid);
    const name = readFileSync(`/proc/${other.pid}/comm`, "utf8").trimEnd();
    expect(new Set(own.map((row) => row.name))).toEqual(new Set([name]));
    expect(own.map(short)).toContain(`RENAME ${path}/sub/a -> ${path}/b`);
    const of = (file: string): Set<string> =>
      new Set(own.filter(({ paths }) => paths.at(-1) === file).flatMap(({ events }) => events));
    for (const event of ["CREATE", "DELETE", "ISDIR"]) expect(of(`${path}/sub`)).toContain(event);
    expect(of(`${path}/sub/a`)).toEqual(
      new Set(["CREATE", "OPEN", "MODIFY", "CLOSE_WRITE", "ACCESS", "CLOSE_NOWRITE"]),
    );
    expect(of(`${path}/b`)).toEqual(new Set(["RENAME", "ATTRIB", "DELETE"]));
    const executed = rows.filter(({ paths }) => paths[0] === `${path}/program`);
    expect(executed.flatMap(({ events }) => events)).toContain("OPEN_EXEC");
  });

  test("escape names that are not text, and have them raw in JSON", async () => {
    using dir = tempDir();
    const { path } = dir;
    const script = String.raw`cd ${path}; printf x >"$(printf 'a\nb\033[2J')"; printf x >"$(printf 'raw\377')"; mv "$(printf 'raw\377')" raw`;
    await using plain = await start(path, ["--events", "create,rename", path]);
    await sh(plain.pid, script);
    const rows = await until(plain, `${path}/end`);
    expect(rows.map(short)).toEqual([
      String.raw`CREATE ${path}/a\nb\x1B[2J`,
      String.raw`CREATE ${path}/raw\xFF`,
      String.raw`RENAME ${path}/raw\xFF -> ${path}/raw`,
    ]);
    await using json = await start(path, ["--json", "--events", "create,rename", path]);
    await sh(json.pid, script);
    await until(json, `${path}/end`);
    const [text, raw, renamed] = json.stdout.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(text).toMatchObject({
      events: ["create"],
      path: `${path}/a\nb\x1b[2J`,
      directory: false,
    });
    expect(text).not.toHaveProperty("pathBytes");
    expect(raw).toMatchObject({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      pid: expect.any(Number),
      events: ["create"],
      name: "raw\uFFFD",
      nameBytes: [...Buffer.from("raw"), 0xff],
      pathBytes: [...Buffer.from(`${path}/raw`), 0xff],
    });
    expect(renamed).toMatchObject({
      events: ["rename"],
      path: `${path}/raw`,
      oldPath: `${path}/raw\uFFFD`,
      oldPathBytes: [...Buffer.from(`${path}/raw`), 0xff],
    });
    expect(renamed).not.toHaveProperty("pathBytes");
  });

  test("are of a PATH that is not text", async () => {
    using dir = tempDir();
    const { path } = dir;
    const setup = String.raw`cd ${path}; d=$(printf 'd\377'); mkdir "$d" "$(printf 'd\376')"; set -- "$@" "$d"`;
    await using child = await start(path, ["--events", "create"], setup);
    await sh(
      child.pid,
      String.raw`cd ${path}; : >"$(printf 'd\376')/no"; : >"$(printf 'd\377')/yes"`,
    );
    const text = await child.stdout.until((printed) => printed.includes("/yes\n"));
    expect(toldOf(text).map(short)).toEqual([String.raw`CREATE ${path}/d\xFF/yes`]);
  });

  test("escape a process's name, and have it raw in JSON", async () => {
    using dir = tempDir();
    const { path } = dir;
    for (const json of [false, true]) {
      await using child = await start(path, [...(json ? ["--json"] : []), "--once", path]);
      await using _ = Bun.spawn(
        inside(
          child.pid,
          "sh",
          "-c",
          String.raw`printf 'e\033\377' >/proc/self/comm || printf 'e\033\377' >/proc/$$/comm; : >${path}/file; read -r _`,
        ),
        { stdin: "pipe" },
      );
      expect(await child.end()).toBe(0);
      if (json) {
        expect(JSON.parse(child.stdout.text)).toMatchObject({
          command: "e\x1b\uFFFD",
          commandBytes: [0x65, 0x1b, 0xff],
        });
      } else expect(toldOf(child.stdout.text)[0]?.name).toBe(String.raw`e\x1B\xFF`);
    }
  });

  test("are those below PATH: also in file systems mounted there, and no others", async () => {
    using dir = tempDir();
    const at = dir.path;
    const setup = `mkdir -p ${at}/in/mounted ${at}/inner; mount -t tmpfs none ${at}/in/mounted`;
    await using child = await start(at, ["-e", "create,rename", `${at}/in`], setup);
    expect(child.stderr.text).toBe("Tracing 2 file systems\n");
    await sh(
      child.pid,
      `cd ${at}; : >inner/no; : >no; : >in/mounted/yes; : >in/yes; mv in/yes gone; mv no in/come; mv gone inner/no`,
    );
    const rows = await until(child, `${at}/in/end`);
    expect(rows.map(short)).toEqual([
      `CREATE ${at}/in/mounted/yes`,
      `CREATE ${at}/in/yes`,
      `RENAME ${at}/in/yes -> ${at}/gone`,
      `RENAME ${at}/no -> ${at}/in/come`,
    ]);
  });

  test("are those of a mount, or of the file system through every mount", async () => {
    using dir = tempDir();
    const at = dir.path;
    const setup = `mkdir ${at}/a ${at}/b; mount --bind ${at}/a ${at}/b; cd ${at}/b`;
    const act = `: >${at}/a/one; : >${at}/b/two`;
    await using mount = await start(at, ["--mount", "-e", "close_write", `${at}/b`], setup);
    await sh(mount.pid, act);
    expect((await until(mount, `${at}/b/end`)).map(short)).toEqual([`CLOSE_WRITE ${at}/b/two`]);
    await using whole = await start(at, ["-f", "-e", "close_write", `${at}`], setup);
    await sh(whole.pid, act);
    const rows = await until(whole, `${at}/end`);
    expect(rows.map(short)).toEqual([`CLOSE_WRITE ${at}/a/one`, `CLOSE_WRITE ${at}/a/two`]);
  });

  test("are those of --pid and --comm", async () => {
    using dir = tempDir();
    const { path } = dir;
    await using sleeper = Bun.spawn(["sleep", "1000"]);
    const args = ["-e", "create", "--comm", "a-name-of-more-than-15-bytes", "-p", `${sleeper.pid}`];
    await using child = await start(path, [...args, path]);
    await sh(child.pid, `: >${path}/no`);
    await using _ = Bun.spawn(
      inside(
        child.pid,
        "sh",
        "-c",
        `printf a-name-of-more- >/proc/$$/comm; : >${path}/yes; read -r _`,
      ),
      { stdin: "pipe" },
    );
    const text = await child.stdout.until((printed) => printed.includes("/yes\n"));
    expect(toldOf(text).map(short)).toEqual([`CREATE ${path}/yes`]);
    expect(toldOf(text)[0]?.name).toBe("a-name-of-more-");
    await using byPid = await start(path, [
      "-e",
      "create",
      "-p",
      `${sleeper.pid}`,
      "-t",
      "0.3",
      path,
    ]);
    // What the filter holds back is no event: its time passes nevertheless.
    await using busy = Bun.spawn(
      inside(byPid.pid, "sh", "-c", `while :; do : >${path}/no; rm ${path}/no; done`),
    );
    expect(await byPid.end()).toBe(2);
    expect(byPid.stdout.text).toBe("");
    busy.kill("SIGKILL");
  });

  test("have none of its own doings, though its output is there", async () => {
    using dir = tempDir();
    const { path } = dir;
    const through = ["sh", "-c", `exec "$@" >${path}/output`, "sh"];
    await using child = await startMounted(
      `mount -t tmpfs none ${path}`,
      ["trace", "--json", path],
      "Tracing ",
      { through },
    );
    await sh(child.pid, `: >${path}/file`);
    const text = await sh(
      child.pid,
      `until grep -q /file ${path}/output; do :; done; cat ${path}/output`,
    );
    expect(text).not.toContain(`"pid":${child.pid},`);
    child.signal("SIGINT");
    expect(await child.end()).toBe(0);
  });

  test("say that events were lost, and which limit to raise", async () => {
    using dir = tempDir();
    const { path } = dir;
    const limit = Number(readFileSync("/proc/sys/fs/fanotify/max_queued_events", "utf8"));
    await using child = await start(path, ["--events", "create", path]);
    child.signal("SIGSTOP");
    await using _ = actor(
      child,
      `for (let n = 0; n < ${limit + 1}; n++) fs.mkdirSync(${JSON.stringify(path)} + "/" + n);
       process.kill(${child.pid}, "SIGCONT")`,
    );
    const text = await child.stderr.until((printed) => printed.includes("events were lost"));
    expect(text).toContain(`raise fs.fanotify.max_queued_events (${limit} now)`);
    expect(text).toContain("with --events");
    expect(child.stdout.text).toMatch(/\t\t0\tOVERFLOW\t\n/);
  });
});

describe.skipIf(!canEnter)("ends (needs CAP_SYS_ADMIN, no emulation)", () => {
  test("after --count events, by --once, with a summary when it is interrupted", async () => {
    using dir = tempDir();
    const { path } = dir;
    await using counted = await start(path, ["-n", "2", "-e", "create", path]);
    await sh(counted.pid, `cd ${path}; : >a; : >b; : >c`);
    expect(await counted.end()).toBe(0);
    expect(toldOf(counted.stdout.text).map(short)).toEqual([
      `CREATE ${path}/a`,
      `CREATE ${path}/b`,
    ]);
    await using interrupted = await start(path, ["-e", "create,delete", path]);
    await sh(interrupted.pid, `cd ${path}; : >a; rm a`);
    await interrupted.stdout.until((text) => text.includes("DELETE"));
    interrupted.signal("SIGTERM");
    expect(await interrupted.end()).toBe(0);
    expect(interrupted.stderr.text).toMatch(
      /^Tracing 1 file system\n\d events in \d+\.\d s: .*\n$/,
    );
  });

  test("with 2 when nothing comes in time, and quietly with --quiet", async () => {
    using dir = tempDir();
    const { path } = dir;
    const setup = `mount -t tmpfs none ${path}; exec "$@"`;
    const through = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", setup, "sh"];
    const args = ["--quiet", "--timeout", "0.01", path];
    const { stdout, stderr, exitCode } = await ended(args, through);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: "", stderr: "", exitCode: 2 });
  });
});

describe("the command line", () => {
  test.each([
    ["--mount --filesystem", "Cannot take --mount and --filesystem together", true],
    ["a b", "Cannot trace more than one PATH", true],
    ["--events open,opened", 'Cannot take --events: "opened" is none of open, ', true],
    ["--pid 0", 'Cannot take --pid: "0" is not a whole number of at least 1', true],
    ["--pid -1", 'Cannot take --pid: a value that begins with "-"', true],
    ["--comm=", "Cannot take --comm: the name is empty", true],
    ["--once --count 2", "Cannot take --once and --count together", true],
    ["/nowhere", 'Cannot openat on "/nowhere": no such file or directory (ENOENT)', false],
  ])("butter trace %s is refused", async (line, message, usage) => {
    const { stdout, stderr, exitCode } = await ended(line.split(" "));
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter trace: ${message}`);
    expect(stderr.endsWith('Try "butter trace --help"\n')).toBe(usage);
    expect(exitCode).toBe(1);
  });

  test.skipIf(!canEnter)(
    "what a scope does not tell is refused with the reason (needs CAP_SYS_ADMIN)",
    async () => {
      const { stderr, exitCode } = await ended(["--mount", "--events", "create", "/"]);
      expect(stderr).toContain("create is not told of mounts");
      expect(exitCode).toBe(1);
    },
  );

  test.skipIf(emulated || (can("CAP_SYS_ADMIN") && Bun.which("setpriv") === null))(
    "without the privilege it says what it needs (no emulation)",
    async () => {
      const through = can("CAP_SYS_ADMIN")
        ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        : [];
      const { stdout, stderr, exitCode } = await ended(["/"], through);
      expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
      expect(stderr).toStartWith(
        "butter trace: Cannot trace: operation not permitted (EPERM): it needs CAP_SYS_ADMIN to ",
      );
      expect(stderr).toContain("CAP_DAC_READ_SEARCH to find the paths");
    },
  );
});
