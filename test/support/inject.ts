/**
 * How to let each call fail: one row for each call of each `*_errors` table of `bun-butter/syscalls`. A
 * call without a row does not compile, and fails the test of the tables.
 */
import * as syscalls from "bun-butter/syscalls";

import type { Syscall } from "./seccomp.ts";

/** How to let one call fail with any errno. */
export interface Injection {
  /** What libc makes of it; several, if that depends on the libc or the architecture. */
  readonly syscall: Syscall | readonly Syscall[];
  /** Only with this as first argument: for calls that Bun makes as well. The filter is asked first, so nothing need be open there. */
  readonly argument0?: number;
  /** Runs before anything is refused, to prepare what the call needs. */
  readonly setup?: () => void;
  /** Makes the call. */
  readonly call: () => unknown;
}

/** The tables: `inotify_errors`, … */
export type Table = Extract<keyof typeof syscalls, `${string}_errors`>;

/** A descriptor of nobody. */
const FD = 900;

const bytes = new Uint8Array(64);
const room = syscalls.pinned(8 + syscalls.IOCB_SIZE);
const statxbuf = syscalls.pinned(syscalls.STATX_SIZE);
const info = syscalls.pinned(syscalls.SIGINFO_SIZE);

/** No capability at all. */
const none: syscalls.UserCapData = { effective: 0n, permitted: 0n, inheritable: 0n };
const attr = { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };
const request = { mnt_id: syscalls.LSMT.ROOT, param: 0n, mnt_ns_id: 0n };

/** An address of nobody. */
const PAGE = 0x1234_5000;

export const injections: {
  readonly [table in Table]: {
    readonly [call in keyof (typeof syscalls)[table]]: Injection;
  };
} = {
  aio_errors: {
    io_setup: { syscall: "io_setup", call: () => syscalls.io_setup(1) },
    io_destroy: { syscall: "io_destroy", call: () => syscalls.io_destroy(1n) },
    io_submit: { syscall: "io_submit", call: () => syscalls.io_submit(1n, room) },
    io_cancel: { syscall: "io_cancel", call: () => syscalls.io_cancel(1n, room, room) },
    io_getevents: { syscall: "io_getevents", call: () => syscalls.io_getevents(1n, room) },
  },
  capability_errors: {
    capget: { syscall: "capget", call: () => syscalls.capget(0) },
    capset: { syscall: "capset", call: () => syscalls.capset(0, none) },
  },
  chdir_errors: {
    fchdir: { syscall: "fchdir", argument0: FD, call: () => syscalls.fchdir(FD) },
    chroot: { syscall: "chroot", call: () => syscalls.chroot("/nowhere") },
  },
  clock_errors: {
    // No clock, so no vDSO answers without the kernel.
    clock_gettime: {
      syscall: "clock_gettime",
      argument0: FD,
      call: () => syscalls.clock_gettime(FD),
    },
    clock_settime: {
      syscall: "clock_settime",
      argument0: FD,
      call: () => syscalls.clock_settime(FD, { tv_sec: 0n, tv_nsec: 0n }),
    },
  },
  copy_errors: {
    copy_file_range: {
      syscall: "copy_file_range",
      argument0: FD,
      call: () => syscalls.copy_file_range(FD, null, FD, null, 1, 0),
    },
    sendfile: {
      syscall: "sendfile",
      argument0: FD,
      call: () => syscalls.sendfile(FD, FD, null, 1),
    },
  },
  dirent_errors: {
    getdents64: { syscall: "getdents64", argument0: FD, call: () => syscalls.getdents64(FD, room) },
  },
  epoll_errors: {
    epoll_create1: {
      syscall: "epoll_create1",
      call: () => syscalls.epoll_create1(syscalls.EPOLL.CLOEXEC),
    },
    epoll_ctl: {
      syscall: "epoll_ctl",
      argument0: FD,
      call: () => syscalls.epoll_ctl(FD, syscalls.EPOLL_CTL.ADD, FD, syscalls.EPOLL.IN),
    },
    epoll_wait: {
      syscall: ["epoll_wait", "epoll_pwait"],
      argument0: FD,
      call: () => syscalls.epoll_wait(FD, room, 0),
    },
  },
  eventfd_errors: {
    eventfd: { syscall: "eventfd2", call: () => syscalls.eventfd(0, syscalls.EFD.CLOEXEC) },
    eventfd_read: { syscall: "read", argument0: FD, call: () => syscalls.eventfd_read(FD) },
    eventfd_write: { syscall: "write", argument0: FD, call: () => syscalls.eventfd_write(FD, 1) },
  },
  fanotify_errors: {
    fanotify_init: { syscall: "fanotify_init", call: () => syscalls.fanotify_init(0, 0) },
    fanotify_mark: {
      syscall: "fanotify_mark",
      call: () =>
        syscalls.fanotify_mark(FD, syscalls.FAN_MARK.ADD, syscalls.FAN.OPEN, undefined, "/nowhere"),
    },
    write: {
      syscall: "write",
      argument0: FD,
      call: () => syscalls.fanotify_write(FD, { fd: 0, response: syscalls.FAN_RESPONSE.ALLOW }),
    },
  },
  fd_errors: {
    close: { syscall: "close", argument0: FD, call: () => syscalls.close(FD) },
    read: { syscall: "read", argument0: FD, call: () => syscalls.read(FD, bytes) },
    write: { syscall: "write", argument0: FD, call: () => syscalls.write(FD, bytes) },
    dup: { syscall: "dup", call: () => syscalls.dup(FD) },
    pipe2: { syscall: "pipe2", call: () => syscalls.pipe2(syscalls.O.CLOEXEC) },
    fcntl: {
      syscall: "fcntl",
      argument0: FD,
      call: () => syscalls.fcntl(FD, syscalls.F.GETFL),
    },
    ioctl: { syscall: "ioctl", argument0: FD, call: () => syscalls.ioctl_fionread(FD) },
  },
  fsconfig_errors: {
    fsconfig: {
      syscall: "fsconfig",
      call: () => syscalls.fsconfig(FD, syscalls.FSCONFIG.CMD_CREATE, null, null, 0),
    },
    fscontext_read: {
      syscall: "read",
      argument0: FD,
      call: () => syscalls.fscontext_read(FD, 64),
    },
  },
  fsopen_errors: {
    fsopen: { syscall: "fsopen", call: () => syscalls.fsopen("tmpfs", 0) },
    fspick: { syscall: "fspick", call: () => syscalls.fspick(FD, "nowhere", 0) },
    fsmount: { syscall: "fsmount", call: () => syscalls.fsmount(FD, 0, 0) },
  },
  handle_errors: {
    name_to_handle_at: {
      syscall: "name_to_handle_at",
      call: () => syscalls.name_to_handle_at(FD, "nowhere", 0),
    },
    open_by_handle_at: {
      syscall: "open_by_handle_at",
      call: () =>
        syscalls.open_by_handle_at(FD, { handle_type: 1, f_handle: bytes }, syscalls.O.PATH),
    },
  },
  inotify_errors: {
    inotify_init1: {
      syscall: "inotify_init1",
      call: () => syscalls.inotify_init1(syscalls.IN.CLOEXEC),
    },
    inotify_add_watch: {
      syscall: "inotify_add_watch",
      call: () => syscalls.inotify_add_watch(FD, "/nowhere", syscalls.IN.CREATE),
    },
    inotify_rm_watch: {
      syscall: "inotify_rm_watch",
      call: () => syscalls.inotify_rm_watch(FD, 1),
    },
  },
  kill_errors: {
    // Nobody's number, as that of the descriptor.
    kill: { syscall: "kill", argument0: FD, call: () => syscalls.kill(FD, 0) },
    sigqueue: {
      syscall: "rt_sigqueueinfo",
      argument0: FD,
      call: () => syscalls.sigqueue(FD, 0, 0),
    },
    rt_sigqueueinfo: {
      syscall: "rt_sigqueueinfo",
      argument0: FD,
      call: () => syscalls.rt_sigqueueinfo(FD, 0, info),
    },
    rt_tgsigqueueinfo: {
      syscall: "rt_tgsigqueueinfo",
      argument0: FD,
      call: () => syscalls.rt_tgsigqueueinfo(FD, FD, 0, info),
    },
  },
  lseek_errors: {
    lseek: { syscall: "lseek", argument0: FD, call: () => syscalls.lseek(FD, 0, 0) },
  },
  memfd_errors: {
    memfd_create: {
      syscall: "memfd_create",
      call: () => syscalls.memfd_create("refused", syscalls.MFD.CLOEXEC),
    },
    memfd_secret: {
      syscall: "memfd_secret",
      call: () => syscalls.memfd_secret(syscalls.O.CLOEXEC),
    },
    fcntl: { syscall: "fcntl", argument0: FD, call: () => syscalls.fcntl_get_seals(FD) },
  },
  mman_errors: {
    mmap: {
      syscall: "mmap",
      argument0: PAGE,
      call: () => {
        const { ANONYMOUS, FIXED_NOREPLACE, PRIVATE } = syscalls.MAP;
        const flags = ANONYMOUS | FIXED_NOREPLACE | PRIVATE;
        return syscalls.mmap(PAGE, 4096, syscalls.PROT.NONE, flags, -1, 0);
      },
    },
    mprotect: {
      syscall: "mprotect",
      argument0: PAGE,
      call: () => syscalls.mprotect(PAGE, 4096, syscalls.PROT.NONE),
    },
    munmap: { syscall: "munmap", argument0: PAGE, call: () => syscalls.munmap(PAGE, 4096) },
  },
  mount_errors: {
    mount: { syscall: "mount", call: () => syscalls.mount("none", "/nowhere", "tmpfs", 0, null) },
    umount2: { syscall: "umount2", call: () => syscalls.umount2("/nowhere", 0) },
    pivot_root: { syscall: "pivot_root", call: () => syscalls.pivot_root("/nowhere", "/nowhere") },
  },
  mount_setattr_errors: {
    mount_setattr: {
      syscall: "mount_setattr",
      call: () => syscalls.mount_setattr(FD, "nowhere", 0, attr),
    },
  },
  namespace_errors: {
    unshare: { syscall: "unshare", call: () => syscalls.unshare(0) },
    setns: { syscall: "setns", call: () => syscalls.setns(FD, 0) },
    ioctl: { syscall: "ioctl", argument0: FD, call: () => syscalls.ioctl_ns_get_nstype(FD) },
  },
  netdevice_errors: {
    // No family, as the descriptor of nobody is none.
    socket: { syscall: "socket", argument0: FD, call: () => syscalls.socket(FD, 0, 0) },
    ioctl: {
      syscall: "ioctl",
      argument0: FD,
      call: () => syscalls.ioctl_siocgifflags(FD, "lo"),
    },
  },
  open_errors: {
    openat: {
      syscall: "openat",
      argument0: FD,
      call: () => syscalls.openat(FD, "nowhere", syscalls.O.CLOEXEC),
    },
  },
  open_tree_errors: {
    open_tree: { syscall: "open_tree", call: () => syscalls.open_tree(FD, "nowhere", 0) },
    open_tree_attr: {
      syscall: "open_tree_attr",
      call: () => syscalls.open_tree_attr(FD, "nowhere", 0, attr),
    },
    move_mount: {
      syscall: "move_mount",
      call: () => syscalls.move_mount(FD, "nowhere", FD, "nowhere", 0),
    },
  },
  pidfd_errors: {
    pidfd_open: { syscall: "pidfd_open", call: () => syscalls.pidfd_open(process.pid, 0) },
    pidfd_getfd: { syscall: "pidfd_getfd", call: () => syscalls.pidfd_getfd(FD, 0, 0) },
    pidfd_send_signal: {
      syscall: "pidfd_send_signal",
      call: () => syscalls.pidfd_send_signal(FD, 0, 0),
    },
    waitid: {
      syscall: "waitid",
      call: () => syscalls.waitid(syscalls.P.PIDFD, FD, syscalls.W.EXITED | syscalls.W.NOHANG),
    },
    ioctl: {
      syscall: "ioctl",
      argument0: FD,
      call: () => syscalls.ioctl_pidfd_get_info(FD, syscalls.PIDFD_INFO.PID),
    },
  },
  poll_errors: {
    // No descriptors, so the pointer to them is NULL.
    poll: { syscall: ["poll", "ppoll"], argument0: 0, call: () => syscalls.poll([], 0) },
  },
  pread_errors: {
    pread: { syscall: "pread64", argument0: FD, call: () => syscalls.pread(FD, bytes, 0) },
    pwrite: { syscall: "pwrite64", argument0: FD, call: () => syscalls.pwrite(FD, bytes, 0) },
  },
  prctl_errors: {
    prctl: {
      syscall: "prctl",
      argument0: syscalls.PR.GET_TIMERSLACK,
      call: () => syscalls.prctl_get_timerslack(),
    },
  },
  prctl_memory_errors: {
    prctl: {
      syscall: "prctl",
      argument0: syscalls.PR.GET_THP_DISABLE,
      call: () => syscalls.prctl_get_thp_disable(),
    },
  },
  prctl_privileges_errors: {
    prctl: {
      syscall: "prctl",
      argument0: syscalls.PR.GET_SECUREBITS,
      call: () => syscalls.prctl_get_securebits(),
    },
  },
  psi_errors: {
    pread: { syscall: "pread64", argument0: FD, call: () => syscalls.psi_read(FD) },
    write: { syscall: "write", argument0: FD, call: () => syscalls.psi_write(FD, "some", 1, 2) },
  },
  seccomp_errors: {
    // Not what installs the filters.
    seccomp: {
      syscall: "seccomp",
      argument0: syscalls.SECCOMP.GET_ACTION_AVAIL,
      call: () => syscalls.seccomp_get_action_avail(syscalls.SECCOMP_RET.ALLOW),
    },
  },
  signal_errors: {
    pthread_sigmask: {
      syscall: "rt_sigprocmask",
      argument0: syscalls.SIG_HOW.UNBLOCK,
      call: () => syscalls.pthread_sigmask(syscalls.SIG_HOW.UNBLOCK, 0n),
    },
    sigaction: {
      syscall: "rt_sigaction",
      argument0: 64,
      call: () => syscalls.sigaction(64, null),
    },
  },
  signalfd_errors: {
    signalfd: { syscall: "signalfd4", call: () => syscalls.signalfd(-1, 0n, 0) },
  },
  splice_errors: {
    splice: {
      syscall: "splice",
      argument0: FD,
      call: () => syscalls.splice(FD, null, FD, null, 1, 0),
    },
    tee: { syscall: "tee", argument0: FD, call: () => syscalls.tee(FD, FD, 1, 0) },
    vmsplice: {
      syscall: "vmsplice",
      argument0: FD,
      call: () => syscalls.vmsplice(FD, [{ iov_base: room }], 0),
    },
  },
  statmount_errors: {
    statmount: {
      syscall: "statmount",
      call: () => syscalls.statmount(request, syscalls.STATMOUNT_SIZE, 0),
    },
    listmount: { syscall: "listmount", call: () => syscalls.listmount(request, 1, 0) },
  },
  statfs_errors: {
    statfs: { syscall: "statfs", call: () => syscalls.statfs("/nowhere") },
    fstatfs: { syscall: "fstatfs", argument0: FD, call: () => syscalls.fstatfs(FD) },
  },
  stat_errors: {
    statx: {
      syscall: "statx",
      argument0: FD,
      call: () => syscalls.statx(FD, "nowhere", 0, syscalls.STATX.INO, statxbuf),
    },
  },
  timerfd_errors: {
    timerfd_create: {
      syscall: "timerfd_create",
      call: () => syscalls.timerfd_create(syscalls.CLOCK.MONOTONIC, syscalls.TFD.CLOEXEC),
    },
    timerfd_settime: {
      syscall: "timerfd_settime",
      call: () =>
        syscalls.timerfd_settime(FD, 0, {
          it_interval: { tv_sec: 0n, tv_nsec: 0n },
          it_value: { tv_sec: 0n, tv_nsec: 0n },
        }),
    },
    timerfd_gettime: {
      syscall: "timerfd_gettime",
      call: () => syscalls.timerfd_gettime(FD),
    },
  },
  truncate_errors: {
    ftruncate: {
      syscall: "ftruncate",
      argument0: FD,
      call: () => syscalls.ftruncate(FD, 0),
    },
  },
  uts_errors: {
    gethostname: { syscall: "uname", call: () => syscalls.gethostname() },
    sethostname: { syscall: "sethostname", call: () => syscalls.sethostname("butter") },
    getdomainname: { syscall: "uname", call: () => syscalls.getdomainname() },
    setdomainname: { syscall: "setdomainname", call: () => syscalls.setdomainname("butter") },
  },
};
