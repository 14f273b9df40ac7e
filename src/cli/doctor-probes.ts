/**
 * What the library is made of, and how each is tried out: by a call that changes nothing, whose descriptor is
 * closed at once.
 *
 * @module
 */
import {
  AT,
  CLOCK,
  CLONE,
  close,
  EFD,
  EPOLL,
  epoll_create1,
  eventfd,
  FSOPEN,
  fsopen,
  IN,
  inotify_add_watch,
  inotify_init1,
  io_destroy,
  io_setup,
  ioctl_pidfd_get_info,
  listmount,
  LSMT,
  memfd_create,
  memfd_secret,
  MFD,
  name_to_handle_at,
  O,
  open_by_handle_at,
  OPEN_TREE,
  open_tree,
  openat,
  PIDFD,
  pidfd_getfd,
  PIDFD_INFO,
  pidfd_open,
  pipe2,
  psi_read,
  psi_write,
  seccomp_get_action_avail,
  SECCOMP_RET,
  SFD,
  SIG,
  sigaddset,
  sigemptyset,
  signalfd,
  splice_nonblock,
  TFD,
  timerfd_create,
  unshare,
} from "../syscalls/index.ts";
import { ADMIN, lend, type Probe } from "./doctor-probe.ts";
import { fanotifyProbes } from "./doctor-probes-fanotify.ts";

function pidfd(flags: number, use?: (fd: number) => void): void {
  lend(pidfd_open(process.pid, flags), use);
}

function pressure(resource: string): void {
  lend(openat(AT.FDCWD, `/proc/pressure/${resource}`, O.RDONLY | O.CLOEXEC), psi_read);
}

function pressureTrigger(): void {
  lend(openat(AT.FDCWD, "/proc/pressure/cpu", O.RDWR | O.NONBLOCK | O.CLOEXEC), (fd) =>
    psi_write(fd, "some", 1_000_000, 2_000_000),
  );
}

function spliceBetweenPipes(): void {
  const ends = [...pipe2(O.NONBLOCK | O.CLOEXEC)];
  try {
    ends.push(...pipe2(O.NONBLOCK | O.CLOEXEC));
    const [from = -1, , , to = -1] = ends;
    splice_nonblock(from, to, 1, 0);
  } finally {
    for (const end of ends) close(end);
  }
}

function openByHandle(): void {
  lend(openat(AT.FDCWD, "/", O.RDONLY | O.DIRECTORY | O.CLOEXEC), (root) => {
    const { handle } = name_to_handle_at(root, "", AT.EMPTY_PATH);
    lend(open_by_handle_at(root, handle, O.RDONLY | O.CLOEXEC));
  });
}

/** All of them, in the order in which they are told. */
export const probes: readonly Probe[] = [
  {
    name: "inotify",
    use: "watch(), Inotify",
    since: [2, 6],
    core: true,
    attempt: () =>
      lend(inotify_init1(IN.CLOEXEC), (fd) => {
        inotify_add_watch(fd, "/", IN.DELETE_SELF);
      }),
  },
  {
    name: "epoll",
    use: "every source of events",
    since: [2, 6],
    core: true,
    attempt: () => lend(epoll_create1(EPOLL.CLOEXEC)),
  },
  {
    name: "asynchronous I/O",
    use: "waiting without a thread (with one, if it is missing)",
    since: [4, 18],
    attempt: () => io_destroy(io_setup(1)),
  },
  {
    name: "timerfd",
    use: "Timerfd",
    since: [2, 6],
    core: true,
    attempt: () => lend(timerfd_create(CLOCK.MONOTONIC, TFD.CLOEXEC)),
  },
  {
    name: "timerfd alarms",
    use: "timers that wake a suspended machine",
    since: [3, 11],
    needs: "CAP_WAKE_ALARM",
    attempt: () => lend(timerfd_create(CLOCK.BOOTTIME_ALARM, TFD.CLOEXEC)),
  },
  {
    name: "eventfd",
    use: "Eventfd",
    since: [2, 6],
    core: true,
    attempt: () => lend(eventfd(0, EFD.CLOEXEC)),
  },
  {
    name: "signalfd",
    use: "Signalfd",
    since: [2, 6],
    core: true,
    attempt: () => lend(signalfd(-1, sigaddset(sigemptyset(), SIG.USR2), SFD.CLOEXEC)),
  },
  {
    name: "pidfd",
    use: "Pidfd",
    since: [5, 3],
    core: true,
    attempt: () => pidfd(0),
  },
  {
    name: "pidfd of a thread",
    use: "pidfd_open() with PIDFD_THREAD",
    since: [6, 9],
    attempt: () => pidfd(PIDFD.THREAD),
  },
  {
    name: "pidfd_getfd",
    use: "Pidfd.getfd()",
    since: [5, 6],
    attempt: () => pidfd(0, (fd) => lend(pidfd_getfd(fd, fd, 0))),
  },
  {
    name: "pidfd info",
    use: "how a stranger ended",
    since: [6, 13],
    attempt: () =>
      pidfd(0, (fd) => {
        ioctl_pidfd_get_info(fd, PIDFD_INFO.PID);
      }),
  },
  ...(["cpu", "memory", "io"] as const).map((resource): Probe => ({
    name: `pressure of ${resource}`,
    use: "Pressure.read()",
    since: [4, 20],
    attempt: () => pressure(resource),
  })),
  {
    name: "pressure triggers",
    use: "Pressure",
    since: [6, 4],
    attempt: pressureTrigger,
  },
  ...fanotifyProbes,
  {
    name: "file handles",
    use: "paths of what is not marked",
    since: [2, 6],
    needs: "CAP_DAC_READ_SEARCH",
    isOfRoot: true,
    attempt: openByHandle,
  },
  {
    name: "memfd",
    use: "Memfd",
    since: [3, 17],
    core: true,
    attempt: () => lend(memfd_create("doctor", MFD.CLOEXEC | MFD.ALLOW_SEALING)),
  },
  {
    name: "memfd not to be executed",
    use: "Memfd with executable: false",
    since: [6, 3],
    attempt: () => lend(memfd_create("doctor", MFD.CLOEXEC | MFD.NOEXEC_SEAL)),
  },
  {
    name: "memfd_secret",
    use: "Memfd with secret: true",
    since: [5, 14],
    attempt: () => lend(memfd_secret(O.CLOEXEC)),
  },
  {
    name: "splice",
    use: "pump(), tee()",
    since: [2, 6],
    core: true,
    attempt: spliceBetweenPipes,
  },
  {
    name: "mounts by descriptor",
    use: "mount() and its like",
    since: [5, 2],
    needs: ADMIN,
    attempt: () => lend(fsopen("tmpfs", FSOPEN.CLOEXEC)),
  },
  {
    name: "open_tree",
    use: "bindMount()",
    since: [5, 2],
    attempt: () => lend(open_tree(AT.FDCWD, "/", OPEN_TREE.CLOEXEC)),
  },
  {
    name: "statmount, listmount",
    use: "mounts(), with each mount's own number",
    since: [6, 8],
    attempt: () => {
      listmount({ mnt_id: LSMT.ROOT, param: 0n, mnt_ns_id: 0n }, 1, 0);
    },
  },
  {
    name: "namespaces",
    use: "spawn() with namespaces; butter run",
    since: [3, 8],
    needs: ADMIN,
    // A copy of the host name, which this process keeps until it ends: it may not be allowed back.
    attempt: () => unshare(CLONE.NEWUTS),
  },
  {
    name: "seccomp filters",
    use: "seccomp_set_mode_filter()",
    since: [4, 14],
    attempt: () => seccomp_get_action_avail(SECCOMP_RET.ERRNO),
  },
];
