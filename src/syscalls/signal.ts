/**
 * Signals: their numbers, sets of them, and what a thread and a process do about them:
 * {@link https://man7.org/linux/man-pages/man7/signal.7.html | signal(7)},
 * {@link https://man7.org/linux/man-pages/man3/sigsetops.3.html | sigsetops(3)},
 * {@link https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html | pthread_sigmask(3)} and
 * {@link https://man7.org/linux/man-pages/man2/sigaction.2.html | sigaction(2)}.
 *
 * @module
 */
import { InternalError, ValueError } from "../errors.ts";
import { bind, failure, int, since, uint, uint64 } from "../libc.ts";

/** What each errno of these calls becomes. */
export const signal_errors = {
  pthread_sigmask: { ...since("2.2"), EFAULT: InternalError, EINVAL: ValueError },
  sigaction: {
    ...since("2.2"),
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "there is no such signal, or it can't be caught: SIGKILL, SIGSTOP, and those that libc keeps",
    ],
  },
} as const;

const { c, check } = bind(
  {
    pthread_sigmask: {
      args: ["i32" /* int how */, "ptr" /* const sigset_t *set */, "ptr" /* sigset_t *oldset */],
      returns: "i32",
    },
    sigaction: {
      args: [
        "i32" /* int signum */,
        "ptr" /* const struct sigaction *act */,
        "ptr" /* struct sigaction *oldact */,
      ],
      returns: "i32",
    },
    __libc_current_sigrtmin: { args: [], returns: "i32" },
    __libc_current_sigrtmax: { args: [], returns: "i32" },
  },
  signal_errors,
);

/** The numbers of the standard signals, the same on x64 and arm64. */
export const SIG = {
  /** The terminal hung up, or: read your configuration again. Ends the process. */
  HUP: 1,
  /** Interrupted from the keyboard. Ends the process. */
  INT: 2,
  /** Quit from the keyboard. Dumps core. */
  QUIT: 3,
  /** Illegal instruction. Dumps core. */
  ILL: 4,
  /** Trap for a debugger. Dumps core. */
  TRAP: 5,
  /** `abort(3)`. Dumps core. */
  ABRT: 6,
  /** Memory that is mapped and not there. Dumps core. */
  BUS: 7,
  /** Arithmetic that has no result. Dumps core. */
  FPE: 8,
  /** Ends the process, whatever it does about it. */
  KILL: 9,
  /** For the program's own use. Ends the process. */
  USR1: 10,
  /** Memory that is not mapped. Dumps core. */
  SEGV: 11,
  /** For the program's own use. Ends the process. */
  USR2: 12,
  /** A pipe or socket that nobody reads. Ends the process. */
  PIPE: 13,
  /** A timer of `alarm(2)`. Ends the process. */
  ALRM: 14,
  /** Ends the process, politely. */
  TERM: 15,
  /** Never sent. Ends the process. */
  STKFLT: 16,
  /** A child ended, stopped or went on. Ignored. */
  CHLD: 17,
  /** Goes on, if it is stopped. */
  CONT: 18,
  /** Stops the process, whatever it does about it. */
  STOP: 19,
  /** Stopped from the keyboard. */
  TSTP: 20,
  /** A read from the terminal in the background. Stops the process. */
  TTIN: 21,
  /** A write to the terminal in the background. Stops the process. */
  TTOU: 22,
  /** Urgent data on a socket. Ignored. */
  URG: 23,
  /** Too much processor time. Dumps core. */
  XCPU: 24,
  /** A file grew too large. Dumps core. */
  XFSZ: 25,
  /** A timer of the process's own time. Ends the process. */
  VTALRM: 26,
  /** A timer for profilers. Ends the process. */
  PROF: 27,
  /** The terminal has a new size. Ignored. */
  WINCH: 28,
  /** A descriptor is ready. Ends the process. */
  IO: 29,
  /** The power fails. Ends the process. */
  PWR: 30,
  /** A syscall that a filter forbids. Dumps core. */
  SYS: 31,
} as const;

/** What {@linkcode pthread_sigmask} does with a set. */
export const SIG_HOW = {
  /** Adds it to the mask. */
  BLOCK: 0,
  /** Takes it out of the mask. */
  UNBLOCK: 1,
  /** Makes it the mask. */
  SETMASK: 2,
} as const;
export type SigHow = (typeof SIG_HOW)[keyof typeof SIG_HOW];

/** What stands for a handler that is no function. */
export const SIG_HANDLER = {
  /** What the kernel does by itself. */
  DFL: 0n,
  /** Nothing. */
  IGN: 1n,
} as const;

/** Flags of {@linkcode sigaction}. */
export const SA = {
  /** `SIGCHLD` not for children that stop or go on. */
  NOCLDSTOP: 0x1,
  /** Children that end need not be waited for. */
  NOCLDWAIT: 0x2,
  /** The handler gets three arguments, and not one. */
  SIGINFO: 0x4,
  /** The handler runs on the thread's alternate stack, if it has one. */
  ONSTACK: 0x0800_0000,
  /** Calls that it interrupts go on, where they can. */
  RESTART: 0x1000_0000,
  /** The signal itself is not blocked meanwhile. */
  NODEFER: 0x4000_0000,
  /** The handler runs once. */
  RESETHAND: 0x8000_0000,
} as const;

/** `si_code`: who made a signal. Positive ones have a meaning for each signal. */
export const SI = {
  /** A process, with `kill(2)`. */
  USER: 0,
  /** The kernel. */
  KERNEL: 0x80,
  /** A process, with `sigqueue(3)`. */
  QUEUE: -1,
  /** A timer of `timer_create(2)`. */
  TIMER: -2,
  /** A message queue of POSIX. */
  MESGQ: -3,
  /** Asynchronous I/O of libc. */
  ASYNCIO: -4,
  /** A descriptor that is ready, when the queue of signals was full. */
  SIGIO: -5,
  /** A process, with `tgkill(2)`: to one thread. */
  TKILL: -6,
  /** `execve(2)`, to the other threads. */
  DETHREAD: -7,
  /** `getaddrinfo_a(3)`. */
  ASYNCNL: -60,
} as const;

/** `si_code` of a signal that tells of a descriptor: what is ready. */
export const SI_POLL = { IN: 1, OUT: 2, MSG: 3, ERR: 4, PRI: 5, HUP: 6 } as const;

/** `sigset_t`, of which the kernel uses 64 bits: the lowest is signal 1. Like `SigBlk` in /proc. */
export type Sigset = bigint;

const SIGSET_WORDS = 128 / 8;
const LAST = 64;

/** `sigemptyset`: no signal. */
export function sigemptyset(): Sigset {
  return 0n;
}

/** `sigfillset`: every signal. */
export function sigfillset(): Sigset {
  return (1n << BigInt(LAST)) - 1n;
}

/** `sigaddset`: a set with one signal more. */
export function sigaddset(set: Sigset, signum: number): Sigset {
  return set | bit(signum);
}

/** `sigdelset`: a set without a signal. */
export function sigdelset(set: Sigset, signum: number): Sigset {
  return set & ~bit(signum);
}

/** `sigismember`: whether a signal is in a set. */
export function sigismember(set: Sigset, signum: number): boolean {
  return (set & bit(signum)) !== 0n;
}

function bit(signum: number): Sigset {
  if (int(signum, "signum") >= 1 && signum <= LAST) return 1n << BigInt(signum - 1);
  throw new RangeError(`Cannot take signum: ${signum} is not from 1 to ${LAST}`);
}

/** A `sigset_t` for one call. */
export function write_sigset(set: Sigset): BigUint64Array<ArrayBuffer> {
  const words = new BigUint64Array(SIGSET_WORDS);
  words[0] = uint64(set, "set");
  return words;
}

/** `SIGRTMIN`: the first real-time signal that libc leaves to programs: 34 in glibc, 35 in musl. */
export function SIGRTMIN(): number {
  return c.__libc_current_sigrtmin();
}

/** `SIGRTMAX`: the last real-time signal. */
export function SIGRTMAX(): number {
  return c.__libc_current_sigrtmax();
}

/**
 * `pthread_sigmask(how, set, oldset)`: changes which signals wait, and asks. It is about the calling thread;
 * those that it starts begin with its mask, and so do processes.
 *
 * @param set `null` only asks.
 * @returns The mask before.
 * @throws {ValueError} `EINVAL`: `how` is none.
 */
export function pthread_sigmask(how: SigHow, set: Sigset | null): Sigset {
  const oldset = new BigUint64Array(SIGSET_WORDS);
  // It returns the errno, and leaves errno alone.
  const errno = c.pthread_sigmask(int(how, "how"), set === null ? null : write_sigset(set), oldset);
  if (errno !== 0) throw failure("pthread_sigmask", errno, signal_errors.pthread_sigmask);
  return oldset[0] ?? 0n;
}

/** `struct sigaction`: what a process does about a signal. */
export interface Sigaction {
  /** A function's address, or a {@linkcode SIG_HANDLER} member. */
  readonly sa_handler: bigint;
  /** What is blocked while the handler runs, beside the signal itself. */
  readonly sa_mask: Sigset;
  /** {@linkcode SA} members. */
  readonly sa_flags: number;
}

/** `sizeof(struct sigaction)`, libc's: the kernel's own is smaller. */
export const SIGACTION_SIZE = 152;

/** How a handler returns is libc's own affair. */
const SA_RESTORER = 0x0400_0000;

/**
 * `sigaction(signum, act, oldact)`: changes what the process does about a signal, and asks. It is libc's, which
 * knows how a handler returns; the kernel's own call leaves that to its caller on x64.
 *
 * @param act `null` only asks.
 * @returns What it was before.
 * @throws {ValueError} `EINVAL`: no signal, or none that can be caught.
 */
export function sigaction(signum: number, act: Sigaction | null): Sigaction {
  const oldact = new DataView(new ArrayBuffer(SIGACTION_SIZE));
  const newact = act === null ? null : new DataView(new ArrayBuffer(SIGACTION_SIZE));
  if (act !== null && newact !== null) write_sigaction(newact, 0, act);
  check(
    "sigaction",
    c.sigaction(
      int(signum, "signum"),
      newact === null ? null : new Uint8Array(newact.buffer),
      new Uint8Array(oldact.buffer),
    ),
  );
  return read_sigaction(oldact, 0);
}

/** Writes a `struct sigaction`. */
export function write_sigaction(view: DataView, offset: number, act: Sigaction): void {
  view.setBigUint64(offset, uint64(act.sa_handler, "sa_handler"), true);
  view.setBigUint64(offset + 8, uint64(act.sa_mask, "sa_mask"), true);
  view.setUint32(offset + 136, uint(act.sa_flags, "sa_flags"), true);
}

/** Reads a `struct sigaction`. */
export function read_sigaction(view: DataView, offset: number): Sigaction {
  return {
    sa_handler: view.getBigUint64(offset, true),
    sa_mask: view.getBigUint64(offset + 8, true),
    sa_flags: (view.getUint32(offset + 136, true) & ~SA_RESTORER) >>> 0,
  };
}
