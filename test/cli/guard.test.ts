/** `butter guard` as a process, while other processes open what it refuses. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import { Pidfd } from "bun-butter";

import { Butter, butter, type ButterOptions, plainEnv, plant } from "../support/butter.ts";
import { can, emulated, slowness } from "../support/capabilities.ts";
import { type ChildResult, run } from "../support/child.ts";
import { canEnter, sh, startMounted } from "../support/mounted-butter.ts";
import { tempDir } from "../support/temp.ts";

const able = !emulated && can("CAP_SYS_ADMIN") && can("CAP_DAC_READ_SEARCH");

async function start(
  args: readonly string[],
  options: Partial<ButterOptions> = {},
): Promise<Butter> {
  const child = Butter.start(["guard", ...args], { cwd: "/", ...options });
  await child.stderr.until((text) => text.includes("Guarding "));
  return child;
}

/** What a process reads, or why it can't. */
async function cat(path: string): Promise<string> {
  const { stdout, stderr, exitCode } = await run(["cat", path]);
  return exitCode === 0 ? stdout : (/: ([^:]+)\n$/.exec(stderr)?.[1] ?? stderr);
}

/** Resolves when it can't be opened any more. */
async function denied(path: string): Promise<void> {
  while ((await cat(path)) !== EPERM);
}

/** Runs what ends by itself. */
async function ended(
  args: readonly string[],
  through: readonly string[] = [],
): Promise<ChildResult> {
  return await run([...through, ...butter, "guard", ...args], { env: plainEnv });
}

/** Lines as `NAME EVENT path`. */
function rowsOf(text: string): string[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => line.split("\t").toSpliced(2, 1).slice(1).join(" "));
}

const EPERM = "Operation not permitted";

describe.skipIf(!able)("butter guard (needs CAP_SYS_ADMIN, no emulation)", () => {
  test("refuses what a rule matches with EPERM, prints who tried, and allows all else", async () => {
    using dir = tempDir();
    plant(dir.path, {
      "a.key": "key",
      ".env": "env",
      "sub/in/": "",
      "sub/b.key": "key",
      "sub/in/c": "c",
      "sub/c": "c",
    });
    await using child = await start([
      dir.path,
      "--deny",
      "*.key",
      "-d",
      "./sub/in/**",
      "-d",
      ".env*",
    ]);
    expect(child.stderr.text).toBe("Guarding 3 directories\n");
    const results: Record<string, string> = {};
    for (const name of ["a.key", "sub/b.key", "sub/in/c", "sub/c", ".env"])
      results[name] = await cat(dir.at(name));
    expect(results).toEqual({
      "a.key": EPERM,
      "sub/b.key": EPERM,
      "sub/in/c": EPERM,
      "sub/c": "c",
      ".env": EPERM,
    });
    const text = await child.stdout.until((printed) => printed.includes(".env\n"));
    expect(rowsOf(text)).toEqual(
      ["a.key", "sub/b.key", "sub/in/c", ".env"].map((name) => `cat DENY ${dir.at(name)}`),
    );
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tcat\t\d+\tDENY\t/);
    // To write is to open.
    expect((await run(["sh", "-c", `echo x >${dir.at("new.key")}`])).exitCode).not.toBe(0);
  });

  test("excepts programs by name, and by path, but not another one with that name", async () => {
    using dir = tempDir();
    plant(dir.path, { secret: "text" });
    const head = Bun.which("head") ?? "";
    await using child = await start([dir.path, "-d", "secret", "-a", "tail", "--allow-only", head]);
    const secret = dir.at("secret");
    expect(await cat(secret)).toBe(EPERM);
    expect((await run(["tail", secret])).stdout).toBe("text");
    expect((await run(["head", secret])).stdout).toBe("text");
    // It is called head, and is another program.
    copyFileSync(Bun.which("cat") ?? "", dir.at("head"));
    expect(
      (await run(["sh", "-c", `chmod +x ${dir.at("head")}; ${dir.at("head")} ${secret}`])).stderr,
    ).toContain(EPERM);
    child.signal("SIGINT");
    expect(await child.end()).toBe(0);
    expect(rowsOf(child.stdout.text).map((row) => row.split(" ")[0])).toEqual(["cat", "head"]);
    expect(child.stderr.text).toMatch(/\n2 opens in \d+\.\d s: 2 DENY\n$/);
  });

  test("refuses to execute as well", async () => {
    using dir = tempDir();
    copyFileSync(Bun.which("true") ?? "", dir.at("program"));
    await using _ = await start([dir.path, "-d", "program"]);
    const { stderr, exitCode } = await run([
      "sh",
      "-c",
      `chmod +x ${dir.at("program")}; ${dir.at("program")}`,
    ]);
    expect(stderr).toContain(EPERM);
    expect(exitCode).not.toBe(0);
  });

  test("guards directories that are made, that come, and that go away", async () => {
    using dir = tempDir();
    using outside = tempDir();
    plant(outside.path, { "come/deep/": "", "come/deep/a.key": "key" });
    plant(dir.path, { "go/": "", "go/a.key": "key" });
    await using _ = await start([dir.path, "-d", "*.key", "-d", "come/deep/*"]);
    mkdirSync(dir.at("made/deep"), { recursive: true });
    writeFileSync(dir.at("made/deep/b.key"), "key");
    renameSync(outside.at("come"), dir.at("come"));
    renameSync(dir.at("go"), outside.at("gone"));
    await denied(dir.at("made/deep/b.key"));
    await denied(dir.at("come/deep/a.key"));
    expect(await cat(outside.at("gone/a.key"))).toBe(EPERM);
  });

  test("is not led out of its directory by a symbolic link in place of one that was made", async () => {
    using dir = tempDir();
    using outside = tempDir();
    plant(outside.path, { secret: "text", "made/": "", "made/secret": "text" });
    await using child = await start([dir.path, "-d", "secret"]);
    child.signal("SIGSTOP");
    const swap = `mkdir a b b/made; mv b c; rm -r a c; ln -s ${outside.path} a; ln -s ${outside.path} b`;
    await run(["sh", "-ec", swap], { cwd: dir.path });
    child.signal("SIGCONT");
    plant(dir.path, { "last/": "", "last/secret": "text" });
    await denied(dir.at("last/secret"));
    expect(await cat(dir.at("a/secret"))).toBe("text");
    expect(await cat(dir.at("b/made/secret"))).toBe("text");
  });

  test("escapes names that are not text, and has them raw in JSON", async () => {
    using dir = tempDir();
    const names = ["a\nb\x1b[2J.key", Buffer.from([0x72, 0xff, ...Buffer.from(".key")])] as const;
    for (const name of names)
      writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/`), Buffer.from(name)]), "x");
    const open = async (): Promise<void> => {
      await run(["sh", "-c", `cat ${dir.path}/a*.key; cat ${dir.path}/r*.key`]);
    };
    await using plain = await start([dir.path, "-d", "*.key", "-n", "2"]);
    await open();
    expect(await plain.end()).toBe(0);
    expect(rowsOf(plain.stdout.text)).toEqual([
      String.raw`cat DENY ${dir.path}/a\nb\x1B[2J.key`,
      String.raw`cat DENY ${dir.path}/r\xFF.key`,
    ]);
    await using json = await start([dir.path, "-d", "*.key", "-n", "2", "--json"]);
    await open();
    expect(await json.end()).toBe(0);
    const [text, raw] = json.stdout.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(text).toEqual({
      time: expect.any(String),
      pid: expect.any(Number),
      command: "cat",
      verdict: "deny",
      path: `${dir.path}/a\nb\x1b[2J.key`,
    });
    expect(raw.pathBytes).toEqual([...Buffer.from(`${dir.path}/r`), 0xff, ...Buffer.from(".key")]);
  });

  test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "ended by %s lets go on who waits, and leaves everything open",
    async (signal) => {
      using dir = tempDir();
      plant(dir.path, { secret: "text" });
      await using child = await start([dir.path, "-d", "secret"]);
      expect(await cat(dir.at("secret"))).toBe(EPERM);
      // Nobody decides while it is stopped.
      child.signal("SIGSTOP");
      await using waiting = Bun.spawn(["cat", dir.at("secret")], { stderr: "ignore" });
      while (!readFileSync(`/proc/${waiting.pid}/wchan`, "utf8").includes("fanotify"))
        await new Promise((resolve) => setImmediate(resolve));
      child.signal(signal);
      if (signal !== "SIGKILL") child.signal("SIGCONT");
      await waiting.exited;
      if (signal === "SIGKILL") expect(await waiting.stdout.text()).toBe("text");
      expect(await child.end()).toBe(signal === "SIGKILL" ? signal : 0);
      expect(await cat(dir.at("secret"))).toBe("text");
    },
  );

  test("is not stopped by SIGTSTP, which would hang who opens", async () => {
    using dir = tempDir();
    plant(dir.path, { secret: "text", other: "other" });
    await using child = await start([dir.path, "-d", "secret"]);
    child.signal("SIGTSTP");
    expect(await cat(dir.at("secret"))).toBe(EPERM);
    expect(await cat(dir.at("other"))).toBe("other");
    child.signal("SIGINT");
    expect(await child.end()).toBe(0);
    expect(child.stderr.text).toContain("it was not stopped");
  });

  test("lets nobody wait for a reader that takes nothing", async () => {
    using dir = tempDir();
    plant(dir.path, { "guarded/": "", "guarded/secret": "text" });
    await run(["mkfifo", dir.at("fifo")]);
    const through = ["sh", "-c", `"$@" | read -r _ <${dir.at("fifo")}`, "sh"];
    await using child = await start([dir.at("guarded"), "-d", "secret", "--json"], { through });
    const { ppid, pid } = guardOf(child.pid);
    expect(ppid).toBe(child.pid);
    using pidfd = new Pidfd(pid);
    // More than a pipe holds, and than may wait, as rows.
    const loop = `n=0; while [ $n -lt 2500 ]; do true <secret; n=$((n+1)); done`;
    const { stderr } = await run(["sh", "-c", loop], { cwd: dir.at("guarded") });
    expect(stderr.match(/Operation not permitted/g)).toHaveLength(2500);
    pidfd.kill("SIGINT");
    await pidfd.exited;
    expect(await cat(dir.at("guarded/secret"))).toBe("text");
    await child.stderr.until((text) => /\d+ refused opens are not printed/.test(text));
    await Bun.write(dir.at("fifo"), "\n");
    await child.end();
  });

  test("lets nobody wait for a terminal that is stopped, and prints everything when it goes on", async () => {
    using dir = tempDir();
    plant(dir.path, { secret: "text" });
    let text = "";
    let told = Promise.withResolvers<void>();
    const child = Bun.spawn([...butter, "guard", dir.path, "-d", "secret", "-n", "301"], {
      env: { ...plainEnv, TERM: "dumb" },
      timeout: 30_000 * slowness,
      killSignal: "SIGKILL",
      terminal: {
        cols: 100,
        rows: 30,
        data(_, data) {
          text += Buffer.from(data).toString();
          told.resolve();
          told = Promise.withResolvers();
        },
      },
    });
    while (!text.includes("Guarding ")) await told.promise;
    child.terminal?.write("\x13");
    const loop = `n=0; while [ $n -lt 300 ]; do true <secret; n=$((n+1)); done`;
    const { stderr } = await run(["sh", "-c", loop], { cwd: dir.path });
    expect(stderr.match(/Operation not permitted/g)).toHaveLength(300);
    // The terminal stops when what was written has come there, which may be after the first of them.
    expect((text.match(/DENY/g) ?? []).length).toBeLessThan(300);
    child.terminal?.write("\x11");
    expect(await cat(dir.at("secret"))).toBe(EPERM);
    expect(await child.exited).toBe(0);
    child.terminal?.close();
    expect(text.match(/ sh\(\d+\) +DENY +\/.*secret/g)).toHaveLength(300);
  });

  test("ends with 2 when nothing is refused in time, and quietly with --quiet", async () => {
    using dir = tempDir();
    const { stdout, stderr, exitCode } = await ended([dir.path, "-d", "x", "-q", "-t", "0.01"]);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: "", stderr: "", exitCode: 2 });
  });

  test.skipIf(!canEnter)("refuses through another mount as well", async () => {
    using dir = tempDir();
    const at = dir.path;
    const setup = `mount -t tmpfs none ${at}; mkdir -p ${at}/real/sub ${at}/view; echo x >${at}/real/sub/secret; mount --bind ${at}/real/sub ${at}/view`;
    await using child = await startMounted(
      setup,
      ["guard", `${at}/real`, "-d", "secret", "-n", "1"],
      "Guarding ",
    );
    expect(await sh(child.pid, `cat ${at}/view/secret || echo no`)).toBe("no\n");
    expect(await child.end()).toBe(0);
    expect(rowsOf(child.stdout.text)).toEqual([`cat DENY ${at}/view/secret`]);
  });

  test.skipIf(!canEnter)("refuses through a mount that only another process has", async () => {
    using dir = tempDir();
    plant(dir.path, {
      "real/sub/": "",
      "real/sub/secret": "secret",
      "real/other": "other",
      "view/": "",
      name: "",
    });
    await using child = await start([dir.at("real"), "-d", "sub/secret", "-n", "2"]);
    const steps = [
      "mount --bind real/sub view && cat view/secret || echo no",
      "mount --bind real/sub/secret name && cat name || echo no",
      "mount --bind real/other name && cat name",
    ];
    const hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c"];
    const { stdout } = await run([...hidden, steps.join("\n")], { cwd: dir.path });
    expect(stdout).toBe("no\nno\nother");
    expect(await child.end()).toBe(0);
    const secret = `cat DENY ${dir.at("real/sub/secret")}`;
    expect(rowsOf(child.stdout.text)).toEqual([secret, secret]);
  });
});

/** The process that a shell runs in a pipe. */
function guardOf(shell: number): { pid: number; ppid: number } {
  const children = readFileSync(`/proc/${shell}/task/${shell}/children`, "utf8").trim().split(" ");
  for (const child of children) {
    const command = readFileSync(`/proc/${child}/cmdline`, "latin1");
    if (command.includes("guard")) return { pid: Number(child), ppid: shell };
  }
  throw new Error(`none of ${children.join()} is it`);
}

describe("the command line", () => {
  test.each([
    ["--deny x", "Cannot guard nothing: name a directory", true],
    ["a b --deny x", "Cannot guard more than one DIR", true],
    ["/tmp", "Cannot guard without a rule: --deny says", true],
    ["/tmp --deny=", "Cannot take --deny: the glob is empty", true],
    ["/tmp --deny x --allow-only=", "Cannot take --allow-only: the program is empty", true],
    ["/nowhere --deny x", 'Cannot openat on "/nowhere": no such file or directory (ENOENT)', false],
    [
      "/proc/version --deny x",
      'Cannot openat on "/proc/version": not a directory (ENOTDIR)',
      false,
    ],
  ])("butter guard %s is refused", async (line, message, usage) => {
    const { stdout, stderr, exitCode } = await ended(line.split(" "));
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter guard: ${message}`);
    expect(stderr.endsWith('Try "butter guard --help"\n')).toBe(usage);
    expect(exitCode).toBe(1);
  });

  test.skipIf(emulated || (can("CAP_SYS_ADMIN") && Bun.which("setpriv") === null))(
    "without the privilege it says what it needs (no emulation)",
    async () => {
      const through = can("CAP_SYS_ADMIN")
        ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        : [];
      const { stderr, exitCode } = await ended(["/tmp", "-d", "x"], through);
      expect(exitCode).toBe(1);
      expect(stderr).toStartWith(
        "butter guard: Cannot guard: operation not permitted (EPERM): it needs CAP_SYS_ADMIN to ",
      );
    },
  );
});
