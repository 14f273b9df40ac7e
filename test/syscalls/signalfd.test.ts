/** The calls of signalfd(2) and of kill(2) and its like against the running kernel. What is sent here waits in this thread alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";

import { ValueError } from "bun-butter";
import {
  close,
  F,
  fcntl,
  FD,
  fd_name,
  gettid,
  kill,
  O,
  pinned,
  pthread_sigmask,
  read_nonblock,
  read_signalfd_siginfo,
  rt_sigqueueinfo,
  rt_tgsigqueueinfo,
  SFD,
  SI,
  SIG_HOW,
  sigaddset,
  sigemptyset,
  SIGINFO_SIZE,
  signalfd,
  SIGNALFD_SIGINFO_SIZE,
  type SignalfdSiginfo,
  sigqueue,
  SIGRTMIN,
  write_siginfo,
} from "bun-butter/syscalls";

import { emulated } from "../support/capabilities.ts";
import { Fds } from "../support/fds.ts";

const [one, other] = [SIGRTMIN() + 10, SIGRTMIN() + 11] as const;
const only = (...signals: readonly number[]): bigint => signals.reduce(sigaddset, sigemptyset());

let original = 0n;
beforeAll(() => {
  original = pthread_sigmask(SIG_HOW.BLOCK, only(one, other));
});
afterAll(() => {
  pthread_sigmask(SIG_HOW.SETMASK, original);
});

/** Sends a signal to this thread, which has it blocked: no other thread can take it. */
function send(signo: number, value: number | bigint): void {
  using info = pinned(SIGINFO_SIZE);
  const si_uid = process.getuid?.() ?? 0;
  write_siginfo(info, {
    si_signo: signo,
    si_code: SI.QUEUE,
    si_pid: process.pid,
    si_uid,
    si_value: value,
  });
  rt_tgsigqueueinfo(process.pid, gettid(), signo, info);
}

/** Everything that is there, within this turn: the event loop waits with nothing blocked. */
function received(fd: number): SignalfdSiginfo[] {
  using room = pinned(8 * SIGNALFD_SIGINFO_SIZE);
  const length = read_nonblock(fd, room);
  const records: SignalfdSiginfo[] = [];
  for (let at = 0; ; at += SIGNALFD_SIGINFO_SIZE) {
    const record = read_signalfd_siginfo(room, at, length);
    if (record === undefined) return records;
    records.push(record);
  }
}

test("signalfd() sets the flags that it was given, and no others", () => {
  using fds = new Fds();
  const bare = fds.add(signalfd(-1, only(one), 0));
  expect(fcntl(bare, F.GETFD) & FD.CLOEXEC).toBe(0);
  expect(fcntl(bare, F.GETFL) & O.NONBLOCK).toBe(0);
  const full = fds.add(signalfd(-1, only(one), SFD.CLOEXEC | SFD.NONBLOCK));
  expect(fcntl(full, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
  expect(fcntl(full, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  expect(fd_name(full)).toContain("signalfd");
});

test("signalfd() reads what waits for the thread, in order, with its sender and its value", () => {
  using fds = new Fds();
  const fd = fds.add(signalfd(-1, only(one, other), SFD.CLOEXEC | SFD.NONBLOCK));
  send(other, 0xfedc_ba98_7654_3210n);
  send(one, -1);
  send(one, 7);
  const sender = {
    ssi_code: SI.QUEUE,
    ssi_errno: 0,
    ssi_pid: process.pid,
    ssi_uid: process.getuid?.(),
  };
  expect(received(fd)).toEqual([
    expect.objectContaining({ ...sender, ssi_signo: one, ssi_int: -1 }),
    expect.objectContaining({ ...sender, ssi_signo: one, ssi_int: 7 }),
    expect.objectContaining({ ...sender, ssi_signo: other, ssi_ptr: 0xfedc_ba98_7654_3210n }),
  ]);
  expect(received(fd)).toEqual([]);
});

test("signalfd() with a descriptor changes its signals, and returns it", () => {
  using fds = new Fds();
  const fd = fds.add(signalfd(-1, only(one), SFD.CLOEXEC | SFD.NONBLOCK));
  send(other, 1);
  expect(received(fd)).toEqual([]);
  expect(signalfd(fd, only(other), 0)).toBe(fd);
  expect(received(fd)).toHaveLength(1);
});

test("signalfd() refuses an unknown flag, what is no signalfd, and what is no set", () => {
  using fds = new Fds();
  const fd = fds.add(signalfd(-1, only(one), SFD.CLOEXEC | SFD.NONBLOCK));
  expect(() => signalfd(-1, 0n, 2)).toThrow(ValueError);
  expect(() => signalfd(0, 0n, 0)).toThrow(expect.objectContaining({ code: "EINVAL" }));
  const gone = fcntl(fd, F.DUPFD_CLOEXEC, 900);
  close(gone);
  expect(() => signalfd(gone, 0n, 0)).toThrow(expect.objectContaining({ code: "EBADF" }));
  expect(() => signalfd(-1, 1n << 64n, 0)).toThrow(RangeError);
  expect(() => signalfd(undefined as unknown as number, 0n, 0)).toThrow(TypeError);
  expect(() => signalfd(-1, 0n, "0" as unknown as number)).toThrow(TypeError);
});

test("kill() and sigqueue() send nothing with 0, and refuse what is no signal and nobody", () => {
  kill(process.pid, 0);
  sigqueue(process.pid, 0, 0);
  for (const tell of [kill, (pid: number, signo: number) => sigqueue(pid, signo, 0)]) {
    expect(() => tell(process.pid, 65)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => tell(0x7fff_fffe, 0)).toThrow(expect.objectContaining({ code: "ESRCH" }));
    expect(() => tell("1" as unknown as number, 0)).toThrow(TypeError);
  }
  expect(() => kill(0x7fff_fffe, 0)).toThrow('on "2147483646"');
  expect(() => sigqueue(process.pid, 0, 2 ** 31)).toThrow(RangeError);
});

test.skipIf(emulated)(
  "rt_sigqueueinfo() lets nobody else be the kernel or kill(2) (not under emulation, which translates it)",
  async () => {
    await using child = Bun.spawn(["sleep", "1000"]);
    using info = pinned(SIGINFO_SIZE);
    const fields = { si_signo: 1, si_pid: 1, si_uid: 0, si_value: 0 };
    for (const si_code of [SI.USER, SI.KERNEL, SI.TKILL]) {
      write_siginfo(info, { ...fields, si_code });
      expect(() => rt_sigqueueinfo(child.pid, 1, info)).toThrow(
        expect.objectContaining({ name: "PermissionError", code: "EPERM" }),
      );
    }
    expect(child.killed).toBe(false);
    write_siginfo(info, { ...fields, si_code: SI.QUEUE });
    rt_sigqueueinfo(child.pid, 1, info);
    await child.exited;
    expect(child.signalCode).toBe("SIGHUP");
  },
);

test("write_siginfo() refuses too little memory, and what does not fit", () => {
  using small = pinned(SIGINFO_SIZE - 1);
  using info = pinned(SIGINFO_SIZE);
  const fields = { si_signo: 1, si_code: SI.QUEUE, si_pid: 1, si_uid: 0, si_value: 0 };
  expect(() => write_siginfo(small, fields)).toThrow("127 bytes are not 128");
  expect(() => write_siginfo(info, { ...fields, si_uid: 2 ** 32 })).toThrow(RangeError);
  expect(() => rt_sigqueueinfo(process.pid, 0, small)).toThrow(RangeError);
  expect(() => write_siginfo(info, { ...fields, si_value: 1.5 })).toThrow(RangeError);
});

test("gettid() of the main thread is the process's number", () => {
  expect(gettid()).toBe(process.pid);
});
