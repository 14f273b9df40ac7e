/** The calls of pidfds, and waitid, against the running kernel. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";

import { PermissionError, UnsupportedError, ValueError } from "bun-butter";
import {
  CLD,
  close,
  F,
  fcntl,
  FD,
  fd_name,
  ioctl_pidfd_get_info,
  O,
  P,
  PIDFD,
  pidfd_getfd,
  PIDFD_INFO,
  pidfd_open,
  pidfd_send_signal,
  pipe2,
  POLL,
  poll,
  POLL_REPORTED,
  W,
  waitid,
} from "bun-butter/syscalls";

import { can, emulated, kernel } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";

class Held implements Disposable {
  readonly fd: number;

  constructor(pid: number, flags: number = 0) {
    this.fd = pidfd_open(pid, flags);
  }

  /** Blocks until the process has ended. */
  ended(): number {
    return poll([{ fd: this.fd, events: POLL.IN }], -1)[0] ?? 0;
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

test("pidfd_open() makes a descriptor that is closed by execve, and non-blocking if asked", () => {
  using blocking = new Held(process.pid);
  expect(fcntl(blocking.fd, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
  expect(fcntl(blocking.fd, F.GETFL) & O.NONBLOCK).toBe(0);
  using nonblocking = new Held(process.pid, PIDFD.NONBLOCK);
  expect(fcntl(nonblocking.fd, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  expect(fd_name(nonblocking.fd)).toContain("pidfd");
});

test("pidfd_open() names the process that is not there", async () => {
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(() => pidfd_open(child.pid, 0)).toThrow(
    expect.objectContaining({
      name: "ValueError",
      code: "ESRCH",
      path: `${child.pid}`,
      message: expect.stringContaining(`"${child.pid}"`),
    }),
  );
  expect(() => pidfd_open(0, 0)).toThrow(ValueError);
  expect(() => pidfd_open(process.pid, 1 << 30)).toThrow(ValueError);
  expect(() => pidfd_open(1.5, 0)).toThrow(RangeError);
});

const thread = (): number =>
  Number(readdirSync("/proc/self/task").find((task) => Number(task) !== process.pid));

test("pidfd_open() refuses a thread without PIDFD.THREAD", () => {
  expect(() => pidfd_open(thread(), 0)).toThrow(ValueError);
});

test.skipIf(!kernel(6, 9))("pidfd_open() takes a thread with PIDFD.THREAD (Linux 6.9)", () => {
  using held = new Held(thread(), PIDFD.THREAD);
  expect(poll([{ fd: held.fd, events: POLL.IN }], 0)).toEqual([0]);
});

test("pidfd_send_signal() reaches the process, and tells when it is gone", async () => {
  await using child = Bun.spawn(["sleep", "1000"]);
  using held = new Held(child.pid);
  pidfd_send_signal(held.fd, 0, 0);
  pidfd_send_signal(held.fd, 15, 0);
  expect(await child.exited).toBe(143);
  expect(() => pidfd_send_signal(held.fd, 15, 0)).toThrow(
    expect.objectContaining({ code: "ESRCH" }),
  );
});

test("pidfd_send_signal() refuses what is no signal, and what is no pidfd", () => {
  using held = new Held(process.pid);
  expect(() => pidfd_send_signal(held.fd, 65, 0)).toThrow(
    expect.objectContaining({ code: "EINVAL" }),
  );
  expect(() => pidfd_send_signal(held.fd, 0, 1 << 20)).toThrow(ValueError);
  expect(() => pidfd_send_signal(0, 0, 0)).toThrow(expect.objectContaining({ code: "EBADF" }));
});

test("pidfd_getfd() duplicates a descriptor of the same open file", () => {
  using held = new Held(process.pid);
  const [reader, writer] = pipe2(O.CLOEXEC);
  try {
    const copy = pidfd_getfd(held.fd, reader, 0);
    expect(copy).not.toBe(reader);
    expect(fd_name(copy)).toBe(fd_name(reader));
    expect(fcntl(copy, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
    close(copy);
    expect(() => pidfd_getfd(held.fd, 9999, 0)).toThrow(
      expect.objectContaining({ code: "EBADF", path: "9999" }),
    );
    expect(() => pidfd_getfd(held.fd, reader, 1)).toThrow(ValueError);
  } finally {
    close(reader);
    close(writer);
  }
});

test("waitid() tells how a child ended, and leaves it with NOWAIT", async () => {
  const look = W.EXITED | W.NOHANG | W.NOWAIT;
  const exiting = Bun.spawn(["sh", "-c", "exit 7"]);
  {
    using held = new Held(exiting.pid);
    held.ended();
    const how = { si_signo: 17, si_code: CLD.EXITED, si_pid: exiting.pid, si_status: 7 };
    expect(waitid(P.PIDFD, held.fd, look)).toMatchObject(how);
    expect(waitid(P.PID, exiting.pid, look)).toMatchObject(how);
    expect(await exiting.exited).toBe(7);
    expect(() => waitid(P.PIDFD, held.fd, look)).toThrow(
      expect.objectContaining({ code: "ECHILD" }),
    );
  }
  await using dying = Bun.spawn(["sleep", "1000"]);
  using held = new Held(dying.pid);
  expect(waitid(P.PIDFD, held.fd, look)).toBeUndefined();
  pidfd_send_signal(held.fd, 9, 0);
  held.ended();
  expect(waitid(P.PIDFD, held.fd, look)).toMatchObject({ si_code: CLD.KILLED, si_status: 9 });
  await dying.exited;
});

test("waitid() returns at once for a non-blocking pidfd, and refuses what is no child", async () => {
  await using child = Bun.spawn(["sleep", "1000"]);
  using held = new Held(child.pid, PIDFD.NONBLOCK);
  expect(() => waitid(P.PIDFD, held.fd, W.EXITED | W.NOWAIT)).toThrow(
    expect.objectContaining({ code: "EAGAIN" }),
  );
  child.kill();
  using self = new Held(process.pid);
  expect(() => waitid(P.PIDFD, self.fd, W.EXITED | W.NOHANG)).toThrow(
    expect.objectContaining({ code: "ECHILD" }),
  );
  expect(() => waitid(P.PIDFD, self.fd, 0)).toThrow(ValueError);
});

const told = kernel(6, 13) && !emulated;

test.skipIf(!told || !can("CAP_SYS_ADMIN") || Bun.which("setpriv") === null)(
  "ioctl_pidfd_get_info() tells who a process is, as /proc does (Linux 6.13, root, setpriv)",
  async () => {
    const ids = ["--ruid=1001", "--euid=1002", "--rgid=1003", "--egid=1004", "--clear-groups"];
    await using child = Bun.spawn(["setpriv", ...ids, "cat"], { stdin: "pipe", stdout: "pipe" });
    // It answers when the ids are set.
    child.stdin.write("?");
    child.stdin.flush();
    await child.stdout.getReader().read();
    using held = new Held(child.pid);
    const info = ioctl_pidfd_get_info(held.fd, PIDFD_INFO.CGROUPID);
    expect(info).toMatchObject({
      pid: child.pid,
      tgid: child.pid,
      ppid: process.pid,
      ruid: 1001,
      euid: 1002,
      rgid: 1003,
      egid: 1004,
      exit_code: 0,
    });
    expect(info.mask & 7n).toBe(7n);
    const status = await Bun.file(`/proc/${child.pid}/status`).text();
    expect(status).toContain(`Uid:\t${info.ruid}\t${info.euid}\t${info.suid}\t${info.fsuid}\n`);
    expect(status).toContain(`Gid:\t${info.rgid}\t${info.egid}\t${info.sgid}\t${info.fsgid}\n`);
  },
);

test.skipIf(!kernel(6, 15) || emulated)(
  "ioctl_pidfd_get_info() tells how a process ended that was waited for (Linux 6.15)",
  async () => {
    const child = Bun.spawn(["sh", "-c", "exit 3"]);
    using held = new Held(child.pid);
    await child.exited;
    const { mask, exit_code } = ioctl_pidfd_get_info(held.fd, PIDFD_INFO.EXIT);
    expect([mask & PIDFD_INFO.EXIT, exit_code]).toEqual([PIDFD_INFO.EXIT, 3 << 8]);
    expect(() => ioctl_pidfd_get_info(held.fd, PIDFD_INFO.PID)).toThrow(
      expect.objectContaining({ code: "ESRCH" }),
    );
    expect(held.ended() & POLL_REPORTED.HUP).toBe(POLL_REPORTED.HUP);
  },
);

test("ioctl_pidfd_get_info() says what it needs of what can't tell", () => {
  const [reader, writer] = pipe2(O.CLOEXEC);
  try {
    expect(() => ioctl_pidfd_get_info(reader, PIDFD_INFO.PID)).toThrow(UnsupportedError);
  } finally {
    close(reader);
    close(writer);
  }
});

test.skipIf(!can("CAP_SYS_ADMIN") || Bun.which("setpriv") === null)(
  "pidfd_getfd() and pidfd_send_signal() of another user's process are refused (root, setpriv)",
  () => {
    const dir = mkdtempSync("/tmp/butter-");
    try {
      const script = `
        import { pidfd_getfd, pidfd_open, pidfd_send_signal } from ${JSON.stringify(new URL("../../src/syscalls/index.ts", import.meta.url).pathname)};
        const fd = pidfd_open(${process.pid}, 0);
        for (const use of [() => pidfd_getfd(fd, 0, 0), () => pidfd_send_signal(fd, 0, 0)]) {
          try { use(); console.log("allowed"); } catch ({ name, code }) { console.log(name, code); }
        }
      `;
      const { stdout, stderr } = Bun.spawnSync(
        ["setpriv", "--reuid=65534", "--clear-groups", bun, "--eval", script],
        { env: { ...process.env, HOME: dir, BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" } },
      );
      expect(`${stdout}${stderr}`).toBe("PermissionError EPERM\nPermissionError EPERM\n");
      expect(PermissionError.prototype.name).toBe("PermissionError");
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);
