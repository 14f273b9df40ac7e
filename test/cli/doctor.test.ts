/** `butter doctor`: what it finds as root, as nobody, in a sandbox, and near a limit. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { release } from "node:os";

import { AT, name_to_handle_at } from "bun-butter/syscalls";

import type { Diagnosis } from "../../src/cli/doctor-report.ts";
import { butter, plainEnv } from "../support/butter.ts";
import { can, emulated, kernel } from "../support/capabilities.ts";
import { bun, type ChildResult, run, runScript } from "../support/child.ts";
import { canMount } from "../support/namespace.ts";
import { canRefuse, type Syscall } from "../support/seccomp.ts";

const doctor = [...butter, "doctor"];

async function diagnosed(cmd: readonly string[]): Promise<Diagnosis & { exitCode: number | null }> {
  const { stdout, stderr, exitCode } = await run(cmd, { env: plainEnv });
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Diagnosis), exitCode };
}

const stateOf = ({ features }: Diagnosis, name: string) =>
  features.find((feature) => feature.name === name)?.state;

const limitOf = ({ limits }: Diagnosis, name: string) =>
  limits.find((limit) => limit.name === name);

/** Whether the file system of the root directory can name its files. */
const namesRoot = ((): boolean => {
  try {
    return name_to_handle_at(AT.FDCWD, "/", 0).handle.f_handle.length > 0;
  } catch {
    return false;
  }
})();

/** Runs it where calls are refused. */
async function refused(calls: readonly Syscall[], errno: string): Promise<Diagnosis> {
  const { stdout, stderr } = await runScript(`
    import { refuse } from "./test/support/seccomp.ts";
    for (const call of ${JSON.stringify(calls)}) refuse(call, ${JSON.stringify(errno)});
    const child = Bun.spawnSync(${JSON.stringify([...doctor, "--json"])});
    console.log(child.stdout.toString());
  `);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Diagnosis;
}

describe("the report", () => {
  test("names the kernel, every section, and says how it ended", async () => {
    const { stdout, stderr, exitCode } = await run(doctor, { env: plainEnv });
    expect(stdout).toStartWith(`System\n  kernel      Linux ${release()} ${process.arch}\n`);
    for (const section of ["\nFeatures\n", "\nPrivileges\n", "\nLimits ("])
      expect(stdout).toContain(section);
    expect(stdout).toMatch(exitCode === 0 ? /\nAll is well[^\n]*\.\n$/ : /should be seen to\.\n$/);
    expect(stderr).toBe("");
    expect([0, 3]).toContain(exitCode ?? -1);
  });

  test("--json has the same, and what /proc says", async () => {
    const found = await diagnosed([...doctor, "--json"]);
    expect(found.system).toMatchObject({ bun: Bun.version });
    expect(found.exitCode).toBe(found.well ? 0 : 3);
    expect(found.privileges.find(({ name }) => name === "CAP_SYS_ADMIN")?.has).toBe(
      can("CAP_SYS_ADMIN"),
    );
    for (const name of ["fs.inotify.max_user_watches", "kernel.pid_max", "fs.aio-max-nr"]) {
      const path = `/proc/sys/${name.replaceAll(".", "/")}`;
      expect(limitOf(found, name)?.limit).toBe(Number(readFileSync(path, "utf8")));
    }
    expect(found.processes).toBeGreaterThan(0);
  });

  test
    .skipIf(emulated || !can("CAP_SYS_ADMIN") || !kernel(5, 17))
    .each([
      [
        "works here",
        "inotify,epoll,timerfd,eventfd,signalfd,pidfd,memfd,splice,fanotify,fanotify targets,fanotify decisions,mounts by descriptor,open_tree,namespaces",
      ],
      ...(namesRoot ? [["the file system of / has", "fanotify file systems,file handles"]] : []),
    ])("what %s is ok (root, Linux 5.17)", async (_, works) => {
    const found = await diagnosed([...doctor, "--json"]);
    for (const name of works.split(",")) expect([name, stateOf(found, name)]).toEqual([name, "ok"]);
  });
});

const canBe = !emulated && can("CAP_SYS_ADMIN") && Bun.which("setpriv") !== null;

const canNest =
  Bun.which("unshare") !== null && Bun.spawnSync(["unshare", "-U", "true"]).exitCode === 0;

describe("another user", () => {
  test.skipIf(!canBe || !kernel(5, 13))(
    "is told what it lacks, and that is no defect (root, setpriv, Linux 5.13)",
    async () => {
      const ids = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];
      const found = await diagnosed(["setpriv", ...ids, ...doctor, "--json"]);
      expect(stateOf(found, "inotify")).toBe("ok");
      expect(stateOf(found, "fanotify")).toBe("ok");
      const needs = ["fanotify decisions", "mounts by descriptor"];
      for (const name of namesRoot ? [...needs, "file handles"] : needs)
        expect([name, stateOf(found, name)]).toEqual([name, "needs"]);
      expect(found.features.find(({ name }) => name === "namespaces")?.why).toBe(
        "it needs CAP_SYS_ADMIN, which root has",
      );
      expect(found.privileges.filter(({ has }) => has)).toEqual([]);
      expect(found.system["user"]).toBe("65534");
    },
  );

  test.skipIf(!canBe || !kernel(5, 13))(
    "reads what it can't do, and what that takes (root, setpriv, Linux 5.13)",
    async () => {
      const ids = ["--reuid=65534", "--regid=65534", "--clear-groups"];
      const { stdout } = await run(["setpriv", ...ids, ...doctor], { env: plainEnv });
      expect(stdout).toContain(
        " needs    opens that wait; butter guard (it needs CAP_SYS_ADMIN, which root has)\n",
      );
      expect(stdout).toMatch(/\nAll is well, but \d+ features need a capability\.\n$|seen to\.\n$/);
    },
  );

  test.skipIf(!canBe || !canNest)(
    "that is root in a user namespace is told why that is not enough (root, user namespaces)",
    async () => {
      const found = await diagnosed(["unshare", "-U", "-r", ...doctor, "--json"]);
      expect(stateOf(found, "namespaces")).toBe("ok");
      expect(found.features.find(({ name }) => name === "fanotify decisions")).toMatchObject({
        state: "refused",
        why: "CAP_SYS_ADMIN counts in the first user namespace alone, and this is another",
      });
      expect(found.hidden).toBeGreaterThan(0);
    },
  );

  test.skipIf(!canBe)(
    "has its instances, watches and pipes counted, and nobody else's (root, setpriv)",
    async () => {
      // Nobody else is this user.
      const uid = `${1_000_000 + process.pid}`;
      const script = `
        import { Inotify, IN, pipe } from "bun-butter";
        const sources = [new Inotify(), new Inotify(), new Inotify()];
        for (const path of ["/", "/proc", "/tmp", "/usr"]) sources[0].watch(path, IN.DELETE_SELF);
        sources[1].watch("/", IN.DELETE_SELF);
        using ends = pipe();
        const child = Bun.spawnSync(${JSON.stringify([...doctor, "--json"])});
        console.log(child.stdout.toString());
        for (const source of sources) source.close();
      `;
      const ids = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
      const found = await diagnosed(["setpriv", ...ids, bun, "--eval", script]);
      expect(limitOf(found, "fs.inotify.max_user_instances")?.used).toBe(3);
      expect(limitOf(found, "fs.inotify.max_user_watches")?.used).toBe(5);
      expect(limitOf(found, "fs.fanotify.max_user_groups")?.used).toBe(0);
      expect(limitOf(found, "fs.pipe-user-pages-soft")?.used).toBe(16);
      expect(found.processes).toBe(2);
    },
  );
});

describe("a sandbox", () => {
  const may = canRefuse() && !emulated;

  test.skipIf(!may)("that refuses calls is told from a kernel without them", async () => {
    const calls: Syscall[] = ["inotify_init1", "memfd_create", "io_setup", "fanotify_init"];
    const found = await refused(calls, "EPERM");
    for (const name of ["inotify", "memfd", "asynchronous I/O", "fanotify"])
      expect([name, stateOf(found, name)]).toEqual([name, "refused"]);
    expect(stateOf(found, "timerfd")).toBe("ok");
    expect(found.features.find(({ name }) => name === "inotify")?.why).toStartWith(
      "a sandbox refuses it (EPERM): allow it",
    );
    expect(found.well).toBe(false);
  });

  test.skipIf(!may || !kernel(6, 8))("that knows no newer calls (Linux 6.8)", async () => {
    const found = await refused(["listmount", "pidfd_open"], "ENOSYS");
    expect(stateOf(found, "statmount, listmount")).toBe("refused");
    expect(stateOf(found, "pidfd")).toBe("refused");
    expect(found.well).toBe(false);
  });

  test.skipIf(!may)("an optional call that it refuses is no defect of the rest", async () => {
    const found = await refused(["io_setup", "memfd_secret"], "EPERM");
    expect(stateOf(found, "asynchronous I/O")).toBe("refused");
    expect(found.features.filter(({ core, state }) => core && state !== "ok")).toEqual([]);
  });

  test.skipIf(!may || !can("CAP_SYS_ADMIN") || !kernel(5, 19))(
    "what the file system of / lacks is not what the kernel lacks (root, Linux 5.19)",
    async () => {
      const found = await refused(["fanotify_mark", "name_to_handle_at"], "EOPNOTSUPP");
      for (const name of ["fanotify file systems", "fanotify evictable marks", "file handles"])
        expect(found.features.find((feature) => feature.name === name)).toMatchObject({
          state: "missing",
          why: "the file system of / cannot name its files (EOPNOTSUPP)",
        });
    },
  );

  test.skipIf(!may)("a limit that is reached is no refusal", async () => {
    const found = await refused(["inotify_init1"], "EMFILE");
    expect(stateOf(found, "inotify")).toBe("limit");
    expect(found.features.find(({ name }) => name === "inotify")?.why).toContain(
      "fs.inotify.max_user_instances",
    );
  });
});

describe("limits", () => {
  async function withDescriptors(open: number, limit: number): Promise<ChildResult> {
    const script = `for ((fd = 40; fd < 40 + ${open}; fd++)); do eval "exec $fd</dev/null"; done
ulimit -n ${limit}; exec "$@"`;
    return await run(["bash", "-c", script, "bash", ...doctor], { env: plainEnv });
  }

  test.skipIf(Bun.which("bash") === null)(
    "one that is nearly reached is marked, with how to raise it, and exits with 3",
    async () => {
      const { stdout, exitCode } = await withDescriptors(300, 320);
      expect(stdout).toMatch(/^! ulimit -n +3\d\d of 320 +process /m);
      expect(stdout).toContain("\n    raise it: LimitNOFILE= of systemd");
      expect(stdout).toEndWith('What is marked with "!" should be seen to.\n');
      expect(exitCode).toBe(3);
    },
  );

  test.skipIf(Bun.which("bash") === null)("one that is far away is not", async () => {
    const { stdout } = await withDescriptors(1, 320);
    expect(stdout).toMatch(/^ {2}ulimit -n +\d+ of 320 +process /m);
  });

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated)(
    "that of a namespace of users is named where it is the lower one (root, unshare)",
    async () => {
      const script = 'echo 100 >/proc/sys/user/max_inotify_watches && exec "$@"';
      const unshare = ["unshare", "--user", "--map-root-user"];
      const found = await diagnosed([...unshare, "sh", "-c", script, "sh", ...doctor, "--json"]);
      expect(limitOf(found, "user.max_inotify_watches")).toMatchObject({
        limit: 100,
        raise: "sysctl -w user.max_inotify_watches=200, in this namespace of users",
      });
      expect(limitOf(found, "fs.inotify.max_user_watches")).toBeUndefined();
    },
  );

  test.skipIf(!canMount)("what /proc does not tell is unknown (root, unshare)", async () => {
    const script = 'mount -t tmpfs none /proc/sys && exec "$@"';
    const unshare = ["unshare", "--mount", "--propagation", "private"];
    const found = await diagnosed([...unshare, "sh", "-c", script, "sh", ...doctor, "--json"]);
    expect(limitOf(found, "fs.inotify.max_user_watches")).not.toHaveProperty("limit");
    expect(limitOf(found, "fs.inotify.max_user_watches")?.near).toBe(false);
    expect(limitOf(found, "ulimit -n")?.limit).toBeGreaterThan(0);
  });
});

test.each([
  ["here", 'Cannot take "here": there is only one system'],
  ["--all", "Cannot take --all: there is no such option"],
])("butter doctor %s is refused", async (arg, message) => {
  const { stdout, stderr, exitCode } = await run([...doctor, arg], { env: plainEnv });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
  expect(stderr).toStartWith(`butter doctor: ${message}`);
});

test.each(["doctor", "completion bash"])(
  "butter %s tells that its output is full",
  async (line) => {
    const script = 'exec "$@" >/dev/full';
    const cmd = ["sh", "-c", script, "sh", ...butter, ...line.split(" ")];
    const { stderr, exitCode } = await run(cmd, { env: plainEnv });
    expect(stderr).toStartWith(
      `butter ${line.split(" ")[0]}: Cannot write to standard output: ENOSPC`,
    );
    expect(exitCode).toBe(1);
  },
);
