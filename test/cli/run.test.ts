/** `butter run`. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { Butter, butter, plainEnv } from "../support/butter.ts";
import { kernel, slowness } from "../support/capabilities.ts";
import { tempDir } from "../support/temp.ts";
import { canLeave, programs, whereabouts } from "../support/whereabouts.ts";

interface Outcome {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

async function ran(args: readonly string[], cwd = "/"): Promise<Outcome> {
  await using started = Butter.start(["run", ...args], { cwd });
  const code = await started.end();
  return { code, stdout: started.stdout.text, stderr: started.stderr.text };
}

const binds = programs.flatMap(({ target }) => ["-B", target]);

describe("butter run refuses", () => {
  test.each([
    [[], "Cannot run nothing"],
    [["--"], "Cannot run nothing"],
    [["-n"], "Cannot run nothing"],
    [["--root"], "its value is missing"],
    [["--share", "net", "true"], "none of mount, uts, ipc, pid, cgroup"],
    [["--bind", "", "true"], "names no file"],
    [["--bind", "/etc:etc", "true"], "no absolute path"],
    [["--tmpfs", "tmp", "true"], "no absolute path"],
    [["--root", "/", "--tmpfs", "/", "true"], "both are the root"],
    [["--tmpfs", "/", "--bind", "/:/", "true"], "the root comes first, and once"],
    [["--share", "uts", "--hostname", "box", "true"], '"uts"'],
    [["--share", "mount", "--root", "/", "true"], '"mount"'],
    [["--bogus", "true"], "no such option"],
  ] as const)("%j", async (args, message) => {
    const { code, stdout, stderr } = await ran(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toEndWith('Try "butter run --help"\n');
  });
});

test("butter run --help says what it takes", async () => {
  const { code, stdout } = await ran(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toStartWith("Usage: butter run ");
});

describe.skipIf(!canLeave)("butter run (CAP_SYS_ADMIN, CAP_SYS_CHROOT)", () => {
  test.skipIf(!kernel(6, 18))(
    "a command is process 1 and alone, and its exit code is ours (Linux 6.18)",
    async () => {
      const before = whereabouts();
      const code = "echo $$ /proc/[0-9]*; cat /proc/sys/kernel/hostname; pwd; exit 7";
      using dir = tempDir();
      expect(await ran(["-H", "box", "sh", "-c", code], dir.path)).toEqual({
        code: 7,
        stdout: `1 /proc/1\nbox\n${dir.path}\n`,
        stderr: "",
      });
      expect(whereabouts()).toEqual(before);
    },
  );

  test.skipIf(!kernel(6, 18))(
    "a root in memory has what is bound, and no network (Linux 6.18)",
    async () => {
      using dir = tempDir();
      writeFileSync(dir.at("file"), "bound\n");
      const code = `ls /; cat /there/file; tail -n +3 /proc/net/dev | cut -d: -f1
      echo x > /there/new; (echo x > /usr/x) 2>&1 | grep -o Read-only; pwd`;
      const bind = ["-b", `${dir.path}:/there`, "-t", "/tmp"];
      const args = ["--no-network", ...bind, ...binds, "--tmpfs=/", "--", "sh", "-c", code];
      const { stdout, stderr } = await ran(args);
      const entries = ["/proc", "/there", "/tmp", ...programs.map(({ target }) => target)];
      expect(stderr).toBe("");
      expect(
        stdout
          .trimEnd()
          .split("\n")
          .map((row) => row.trim()),
      ).toEqual([
        ...entries.map((entry) => entry.slice(1)).toSorted(),
        "bound",
        "lo",
        "Read-only",
        "/",
      ]);
      expect(await Bun.file(dir.at("new")).text()).toBe("x\n");
    },
  );

  test("a directory is the root, without /proc if it has none, and what is missing there is not run", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("work"));
    const args = ["--root", dir.path, ...binds, "--cwd", "/work"];
    expect(await ran([...args, "sh", "-c", "pwd; echo /*"])).toEqual({
      code: 0,
      stdout: `/work\n${["/work", ...programs.map(({ target }) => target)].toSorted().join(" ")}\n`,
      stderr: "",
    });
    expect(await ran([...args, "/nothing"])).toMatchObject({
      code: 127,
      stderr: 'butter run: Cannot run "/nothing": no such file or directory (ENOENT)\n',
    });
    writeFileSync(dir.at("work/text"), "no program", { mode: 0o644 });
    expect((await ran([...args, "/work/text"])).code).toBeGreaterThan(125);
    expect(await ran(["--root", dir.at("nowhere"), "true"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^butter run: Cannot open_tree .*\(ENOENT\)\n$/),
    });
  });

  test("what is shared is this system's", async () => {
    const { stdout } = await ran([
      "--share",
      "pid,mount",
      "--share=uts",
      "sh",
      "-c",
      "echo $$; cat /proc/sys/kernel/hostname",
    ]);
    const [pid, hostname] = stdout.split("\n");
    expect(Number(pid)).toBeGreaterThan(1);
    expect(hostname).toBe((await Bun.file("/proc/sys/kernel/hostname").text()).trim());
  });

  const share = kernel(6, 18) ? [] : ["--share", "mount"];

  test("a signal reaches a command that handles it, once, and ends one that does not", async () => {
    const script = 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.01; done';
    {
      await using handles = Butter.start(["run", ...share, "sh", "-c", script], { cwd: "/" });
      await handles.stdout.until((text) => text.includes("ready"));
      handles.signal("SIGTERM");
      expect([await handles.end(), handles.stdout.text]).toEqual([3, "ready\ngot\n"]);
    }
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGUSR1", 138],
    ] as const) {
      await using drops = Butter.start(
        ["run", ...share, "sh", "-c", "echo ready; exec sleep 1000"],
        { cwd: "/" },
      );
      await drops.stdout.until((text) => text.includes("ready"));
      drops.signal(signal);
      expect(await drops.end()).toBe(code);
    }
  });

  test("it has the terminal, and Ctrl-C reaches it once", async () => {
    let text = "";
    const script =
      'trap "echo got" INT; tty > /dev/null && echo ready; read line; echo "read $line"';
    const child = Bun.spawn([...butter, "run", ...share, "bash", "-c", script], {
      env: plainEnv,
      timeout: 30_000 * slowness,
      terminal: {
        data(terminal, data) {
          const before = text;
          text += new TextDecoder().decode(data);
          const seen = (word: string): boolean => !before.includes(word) && text.includes(word);
          if (seen("ready")) terminal.write("\x03");
          if (seen("got")) terminal.write("line\n");
        },
      },
    });
    expect(await child.exited).toBe(0);
    child.terminal?.close();
    expect(text.replaceAll("\r\n", "\n").match(/got/g)).toHaveLength(1);
    expect(text).toContain("read line");
  });
});
