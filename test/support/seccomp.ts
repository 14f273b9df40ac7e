/**
 * Faults on demand: a seccomp filter that lets one syscall of this thread fail with one errno. There is
 * no way back, so it is for child processes; children and Workers that are made afterwards have it too.
 */
import { dlopen } from "bun:ffi";

import { ERRNO, type ErrnoName } from "bun-butter";
import { type Address, pinned } from "bun-butter/syscalls";

import { libcPath } from "../../src/libc.ts";

/** The kernel's numbers, which a test compares with its headers. */
export const syscallNumbers = {
  // on x64, on arm64 (undefined: it has none)
  capget: [125, 90],
  capset: [126, 91],
  clock_gettime: [228, 113],
  clock_settime: [227, 112],
  close: [3, 57],
  copy_file_range: [326, 285],
  dup: [32, 23],
  epoll_create1: [291, 20],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  epoll_wait: [232, undefined],
  eventfd2: [290, 19],
  fanotify_init: [300, 262],
  fanotify_mark: [301, 263],
  fcntl: [72, 25],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  ftruncate: [77, 46],
  fstatfs: [138, 44],
  getdents64: [217, 61],
  inotify_add_watch: [254, 27],
  inotify_init1: [294, 26],
  inotify_rm_watch: [255, 28],
  io_cancel: [210, 3],
  io_destroy: [207, 1],
  io_getevents: [208, 4],
  io_setup: [206, 0],
  io_submit: [209, 2],
  ioctl: [16, 29],
  kill: [62, 129],
  listmount: [458, 458],
  lseek: [8, 62],
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  mmap: [9, 222],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  mprotect: [10, 226],
  munmap: [11, 215],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  open_tree_attr: [467, 467],
  openat: [257, 56],
  pidfd_getfd: [438, 438],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  pipe2: [293, 59],
  pivot_root: [155, 41],
  poll: [7, undefined],
  ppoll: [271, 73],
  prctl: [157, 167],
  pread64: [17, 67],
  pwrite64: [18, 68],
  read: [0, 63],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigqueueinfo: [129, 138],
  rt_tgsigqueueinfo: [297, 240],
  seccomp: [317, 277],
  sendfile: [40, 71],
  setdomainname: [171, 162],
  sethostname: [170, 161],
  setns: [308, 268],
  signalfd4: [289, 74],
  socket: [41, 198],
  splice: [275, 76],
  statfs: [137, 43],
  statmount: [457, 457],
  tee: [276, 77],
  statx: [332, 291],
  timerfd_create: [283, 85],
  timerfd_gettime: [287, 87],
  timerfd_settime: [286, 86],
  umount2: [166, 39],
  uname: [63, 160],
  unshare: [272, 97],
  vmsplice: [278, 75],
  waitid: [247, 95],
  write: [1, 64],
  chroot: [161, 51],
  fchdir: [81, 50],
  vfork: [58, undefined],
  clone: [56, 220],
} as const satisfies Readonly<Record<string, readonly [x64: number, arm64: number | undefined]>>;

export type Syscall = keyof typeof syscallNumbers;

const machine = { x64: { column: 0, audit: 0xc000003e }, arm64: { column: 1, audit: 0xc00000b7 } }[
  process.arch === "arm64" ? "arm64" : "x64"
] as { readonly column: 0 | 1; readonly audit: number };

/** Its number here, or `undefined` if this architecture does without it. */
export function syscallNumber(syscall: Syscall): number | undefined {
  return syscallNumbers[syscall][machine.column];
}

const { prctl, syscall } = dlopen(libcPath(), {
  // `long` each, passed in all slots
  prctl: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64", "ptr"], returns: "i64" },
}).symbols;

const SECCOMP = syscallNumber("seccomp") ?? -1;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_ERRNO = 0x50000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const PR_SET_NO_NEW_PRIVS = 38;

/** Whether this kernel has filters; qemu's user-mode emulation has none. */
export function canRefuse(): boolean {
  using action = pinned(4);
  action.view.setUint32(0, SECCOMP_RET_ERRNO, true);
  return syscall(SECCOMP, SECCOMP_GET_ACTION_AVAIL, 0, action.address) === 0n;
}

/** BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K */
const LOAD = 0x20;
const JUMP_IF = 0x15;
const RETURN = 0x06;

/** Offsets in `struct seccomp_data`. Arguments are 64 bits, low half first. */
const NUMBER = 0;
const ARCH = 4;
const ARGUMENT_0 = 16;

/**
 * Lets a syscall fail in this thread from now on, whoever makes it. The newest refusal of a call counts.
 *
 * @param calls One, or all that libc may use for one function.
 * @param argument0 Only calls whose first argument is this, in its low 32 bits: for what Bun uses itself.
 */
export function refuse(
  calls: Syscall | readonly Syscall[],
  errno: ErrnoName | number,
  argument0?: number,
): void {
  const numbers = (typeof calls === "string" ? [calls] : calls)
    .map(syscallNumber)
    .filter((number) => number !== undefined);
  if (numbers.length === 0) throw new Error(`Cannot refuse ${calls}: not on ${process.arch}`);
  const guard: [number, number, number, number][] =
    argument0 === undefined
      ? []
      : [
          [LOAD, 0, 0, ARGUMENT_0],
          [JUMP_IF, 0, 1, argument0 >>> 0],
        ];
  const number = typeof errno === "number" ? errno : ERRNO[errno][0];
  install([
    [LOAD, 0, 0, ARCH],
    [JUMP_IF, 1, 0, machine.audit],
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    [LOAD, 0, 0, NUMBER],
    ...numbers.map((nr, at): [number, number, number, number] => [
      JUMP_IF,
      numbers.length - at,
      0,
      nr,
    ]),
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    ...guard,
    [RETURN, 0, 0, SECCOMP_RET_ERRNO | number],
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  ]);
}

function install(program: readonly (readonly [code: number, jt: number, jf: number, k: number])[]) {
  // struct sock_filter { u16 code; u8 jt, jf; u32 k; }
  using filter = pinned(program.length * 8);
  for (const [at, [code, jt, jf, k]] of program.entries()) {
    filter.view.setUint16(at * 8, code, true);
    filter.view.setUint8(at * 8 + 2, jt);
    filter.view.setUint8(at * 8 + 3, jf);
    filter.view.setUint32(at * 8 + 4, k, true);
  }
  // struct sock_fprog { u16 len; struct sock_filter *filter; }
  using fprog = pinned(16);
  fprog.view.setUint16(0, program.length, true);
  fprog.view.setBigUint64(8, BigInt(filter.address satisfies Address), true);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error("Cannot set no_new_privs");
  if (syscall(SECCOMP, SECCOMP_SET_MODE_FILTER, 0, fprog.address) !== 0n)
    throw new Error("Cannot install a seccomp filter");
}
