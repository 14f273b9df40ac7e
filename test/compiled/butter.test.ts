/** The command as an executable, in a root where there is nothing else. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { version } from "../../package.json" with { type: "json" };
import { BareRoot, canMakeRoot, documented, rootNeeds } from "../support/bare-root.ts";
import { rowsOf } from "../support/butter.ts";
import { bun, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const variants: Readonly<Record<string, readonly string[]>> = {
  plain: documented.filter((flag) => flag.startsWith("--no-")),
  minified: documented.filter((flag) => flag === "--minify" || flag.startsWith("--no-")),
  documented,
};

describe.skipIf(!canMakeRoot)(`butter in a bare root${rootNeeds}`, () => {
  let root: BareRoot;

  beforeAll(async () => {
    root = new BareRoot();
    const compiled = Object.entries(variants).map(async ([name, flags]) => {
      await root.compile("src/cli/main.ts", name, flags);
    });
    await Promise.all(compiled);
    // What Bun reads by itself, if it is not told otherwise.
    writeFileSync(root.at("w/bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(root.at("w/preload.ts"), 'console.log("preloaded");\n');
    writeFileSync(root.at("w/.env"), "BUTTER_DEBUG=1\n");
  }, 120_000);

  afterAll(() => root[Symbol.dispose]());

  test.each(Object.keys(variants))("%s watches, and takes signals", async (name) => {
    const dir = `tree-${name}`;
    mkdirSync(root.at(`w/${dir}`), { mode: 0o755 });
    await using watch = root.start(name, ["watch", dir, "--count", "2"]);
    await watch.stderr.until((text) => text.includes("Watching "));
    mkdirSync(root.at(`w/${dir}/a`));
    mkdirSync(root.at(`w/${dir}/b`));
    expect(await watch.end()).toBe(0);
    expect(rowsOf(watch.stdout.text)).toEqual([
      `create ${dir}/a directory`,
      `create ${dir}/b directory`,
    ]);
    expect(watch.stderr.text).toBe(`Watching ${dir}: 1 entry\n`);
    await using signals = root.start(name, ["signals"]);
    await signals.stderr.until((text) => text.includes(" ends it\n"));
    signals.signal("SIGTERM");
    expect(await signals.end()).toBe(0);
    expect(signals.stdout.text).toContain(`\tSIGTERM,USER\t${process.pid}\t`);
  });

  /** What each command says to a user without privileges: exit code, then what it prints. */
  const answers: readonly (readonly [args: string, exitCode: number, printed: RegExp])[] = [
    ["--version", 0, new RegExp(`^${version}\n$`)],
    ["", 1, /^Usage: butter COMMAND/],
    ["nonsense", 1, /^butter: Cannot run "nonsense": /],
    ["watch missing", 1, /^butter watch: Cannot watch missing: /],
    ["watch --exec true --timeout 0 .", 2, /^Watching /],
    ["timer --every 1ms --count 2", 0, /^\S+\tTICK\t\d+\n/],
    ["wait 99999999", 1, /\(ESRCH\)/],
    ["pressure --now memory", 0, /\tNOW,SOME\tmemory\t|Linux 5\.2/],
    [
      "run -- /documented --version",
      1,
      /^butter run: Cannot .*\(EPERM\): it needs CAP_SYS_CHROOT\n$/,
    ],
    ["trace .", 1, /^butter trace: Cannot .*\(EPERM\): it needs CAP_SYS_ADMIN/],
    ["guard . --deny x", 1, /^butter guard: Cannot .*\(EPERM\): it needs CAP_SYS_ADMIN/],
    ["completion bash", 0, /^# Completion/],
    ["completion zsh", 0, /completion zsh/],
    ["completion fish", 0, /^# Completion/],
  ];

  test.concurrent.each(answers)(
    "butter %s answers a user without privileges",
    async (args, exitCode, printed) => {
      const result = await root.run("documented", args.split(" ").filter(Boolean));
      expect(result.stdout + result.stderr).toMatch(printed);
      expect(result).toMatchObject({ exitCode });
    },
  );

  test("butter doctor knows what a user without privileges has", async () => {
    const { stdout, stderr, exitCode } = await root.run("documented", ["doctor"]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/inotify +ok[^]*fanotify file systems +needs/);
    // Limits of the machine may be nearly reached.
    expect([0, 3] as unknown[]).toContain(exitCode);
  });

  test("a /proc of processes alone is no reason to crash", async () => {
    const options = { proc: "subset=pid" };
    const pressure = await root.run("documented", ["pressure", "--now"], options);
    expect(pressure.stderr).toMatch(/^butter pressure: Cannot .*subset=pid\n$/);
    const doctor = await root.run("documented", ["doctor"], options);
    expect(doctor.stderr).toBe("");
    expect(doctor.stdout).toMatch(/max_user_watches +\d+ of \?/);
    const timer = await root.run(
      "documented",
      ["timer", "--every", "1ms", "--count", "1"],
      options,
    );
    expect(timer).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("where the kernel has no asynchronous I/O, a thread waits", async () => {
    const cmd = root.command("documented", { env: { BUTTER_DEBUG: "1" } });
    const start = `process.exit(Bun.spawnSync(process.argv.slice(1), { stdio: ["ignore", "inherit", "inherit"] }).exitCode)`;
    const preload = ["--preload", "./test/support/refuse-aio.ts"];
    const timer = ["timer", "--every", "1ms", "--count", "2"];
    const { stdout, stderr, exitCode } = await run([
      bun,
      ...preload,
      "--eval",
      start,
      ...cmd,
      ...timer,
    ]);
    expect(stderr).toMatch(/^butter: syscall\(.*\) = -1 ENOSYS$/m);
    expect(stdout).toMatch(/^\S+\tTICK\t\d+\n/);
    expect(exitCode).toBe(0);
  });

  test("root guards files in it", async () => {
    mkdirSync(root.at("w/guarded"));
    writeFileSync(root.at("w/guarded/secret"), "");
    const args = ["guard", "guarded", "--deny", "secret", "--count", "1"];
    await using guard = root.start("documented", args, { asRoot: true });
    await guard.stderr.until((text) => text.includes("Guarding "));
    // From another root, and through another mount.
    expect(() => readFileSync(root.at("w/guarded/secret"))).toThrow("EPERM");
    expect(await guard.end()).toBe(0);
    expect(guard.stdout.text).toContain("\tDENY\t/w/guarded/secret\n");
  });

  test("root is told why there can be no mount namespace in a chroot", async () => {
    const result = await root.run("documented", ["run", "--", "/documented", "--version"], {
      asRoot: true,
    });
    expect(result.stderr).toMatch(/^butter run: Cannot .*chroot.*bind that directory onto itself/);
    expect(result.exitCode).toBe(1);
  });

  test.skipIf(Bun.which("strace") === null)(
    "butter reads nothing but what it is told to, libc, /proc and /sys (needs strace)",
    async () => {
      using dir = tempDir();
      const out = dir.at("trace");
      const through = ["strace", "--follow-forks", "-qq", "-e", "trace=%file", "-o", out];
      mkdirSync(root.at("w/told"));
      writeFileSync(root.at("w/told/file"), "");
      const args = ["watch", "told", "--initial", "--count", "2"];
      expect(await root.run("documented", args, { through })).toMatchObject({ exitCode: 0 });
      const text = readFileSync(out, "utf8");
      const lines = text.slice(text.indexOf('execve("/documented"')).split("\n");
      const found = lines.filter((line) => !/ = -1 E/.test(line));
      const paths = found.flatMap((line) => /\w+\((?:\w+, )?"(\/[^"]*)"/.exec(line)?.[1] ?? []);
      const others = new Set(
        paths.filter(
          (path) =>
            !/^\/(?:proc|sys|lib\w*|usr\/lib\w*)\/|^\/etc\/(?:ld\.so|localtime)|^\/w\/told(?:\/file)?$/.test(
              path,
            ),
        ),
      );
      // The program itself, and the directories above what it watches.
      expect([...others].filter((path) => !["/documented", "/", "/w"].includes(path))).toEqual([]);
    },
  );
});
