/**
 * One event of {@linkcode Signalfd}.
 *
 * @module
 */
import type { Siginfo } from "../syscalls/kill.ts";
import { CLD } from "../syscalls/pidfd.ts";
import { SI, SI_POLL, SIG } from "../syscalls/signal.ts";
import { signalName } from "./signal-names.ts";

/** Who made a signal, and of `SIGCHLD` and of descriptors why. `OVERFLOW` stands for signals that were lost. */
export type SignalCode =
  keyof typeof SI | keyof typeof CLD | `POLL_${keyof typeof SI_POLL}` | "OVERFLOW" | "UNKNOWN";

const senders = new Map<number, SignalCode>(
  Object.entries(SI).map(([word, code]) => [code, word as keyof typeof SI]),
);
const changes = new Map<number, SignalCode>(
  Object.entries(CLD).map(([word, code]) => [code, word as keyof typeof CLD]),
);
const readiness = new Map<number, SignalCode>(
  Object.entries(SI_POLL).map(([word, code]) => [
    code,
    `POLL_${word as keyof typeof SI_POLL}` as const,
  ]),
);

/** Milliseconds of a clock tick, on every architecture that this package runs on. */
const TICK = 10;

/** A {@linkcode SignalfdEvent} as plain data. */
export interface SignalfdEventData {
  readonly signal: string;
  readonly signo: number;
  readonly code: SignalCode;
  readonly codeNumber: number;
  readonly pid: number;
  readonly uid: number;
  readonly status?: number;
  readonly userTime?: number;
  readonly systemTime?: number;
  readonly fd?: number;
  readonly band?: number;
  readonly timerId?: number;
  readonly overrun?: number;
  readonly value?: number;
  readonly lost?: number;
}

/**
 * A signal that came. Immutable; it has only those properties that signals of its kind have.
 *
 * None has an address, or a number of a trap: those are of `SIGSEGV`, `SIGBUS`, `SIGILL`, `SIGFPE`, `SIGTRAP` and `SIGSYS` that an
 * instruction made, and these can't be taken. The thread whose instruction it was can't go on before somebody
 * has repaired that, which an event comes too late for.
 */
export class SignalfdEvent implements SignalfdEventData {
  readonly #pointer: bigint;
  readonly #siginfo: Uint8Array<ArrayBuffer> | undefined;
  /** Its name: `"SIGTERM"`, `"SIGRTMIN+3"`. */
  readonly signal: string;
  /** Its number. */
  readonly signo: number;
  /**
   * How it was made: `"USER"` by `kill(2)`, `"QUEUE"` by `sigqueue(3)`, `"TKILL"` by `tgkill(2)`, `"KERNEL"`, `"TIMER"`, …
   * Of `SIGCHLD` what the child did: `"EXITED"`, `"KILLED"`, … Of a descriptor what is ready: `"POLL_IN"`, …
   */
  readonly code: SignalCode;
  /** The kernel's number for that, `si_code`. */
  readonly codeNumber: number;
  /** Who sent it, or which child it tells of. 0 if no process did. */
  readonly pid: number;
  /** The user of that process. */
  readonly uid: number;
  /** Of a child: what it exited with, or the number of the signal that killed, stopped or continued it. */
  declare readonly status?: number;
  /** Of a child: milliseconds of processor time that it used, in steps of 10. */
  declare readonly userTime?: number;
  /** Of a child: milliseconds of processor time that the kernel used for it, in steps of 10. */
  declare readonly systemTime?: number;
  /** Which descriptor is ready. */
  declare readonly fd?: number;
  /** What is ready: `POLL` bits. */
  declare readonly band?: number;
  /** Which timer expired. */
  declare readonly timerId?: number;
  /** How often the timer expired since, beside once. */
  declare readonly overrun?: number;
  /** What the sender gave with it, as an `int`. See {@linkcode pointer}. */
  declare readonly value?: number;
  /** How many signals were lost, if that is what the event tells. */
  declare readonly lost?: number;

  /**
   * @param pointer What the sender gave with it.
   * @param siginfo The `siginfo_t` itself.
   */
  constructor(data: SignalfdEventData, pointer: bigint, siginfo?: Uint8Array<ArrayBuffer>) {
    const { signal, signo, code, codeNumber, pid, uid, ...details } = data;
    this.signal = signal;
    this.signo = signo;
    this.code = code;
    this.codeNumber = codeNumber;
    this.pid = pid;
    this.uid = uid;
    Object.assign(this, details);
    this.#pointer = pointer;
    this.#siginfo = siginfo;
    Object.freeze(this);
  }

  /** What the sender gave with it, all 64 bits. */
  get pointer(): bigint {
    return this.#pointer;
  }

  /** A copy of the kernel's `siginfo_t`; `undefined` if the event stands for signals that were lost. */
  get siginfo(): Uint8Array<ArrayBuffer> | undefined {
    return this.#siginfo?.slice();
  }

  /** Plain data, for JSON. */
  toJSON(): SignalfdEventData {
    return { ...this };
  }

  get [Symbol.toStringTag](): string {
    return "SignalfdEvent";
  }

  /** `SignalfdEvent { signal: "SIGTERM", signo: 15, code: "USER", … }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    return `SignalfdEvent ${inspect(this.toJSON(), options)}`;
  }
}

/** The event of a signal. */
export function eventOf(info: Siginfo, siginfo: Uint8Array<ArrayBuffer>): SignalfdEvent {
  const { si_signo: signo, si_code: codeNumber } = info;
  const kind = kindOf(signo, codeNumber);
  const words = { child: changes, poll: readiness }[kind as string] ?? senders;
  const code = words.get(codeNumber) ?? "UNKNOWN";
  const data = { signal: signalName(signo), signo, code, codeNumber, ...detailsOf(kind, info) };
  return new SignalfdEvent(data, info.si_ptr, siginfo);
}

/** The event of signals that were lost. */
export function overflowOf(signo: number, lost: number): SignalfdEvent {
  const data = { signal: signalName(signo), signo, code: "OVERFLOW", codeNumber: 0 } as const;
  return new SignalfdEvent({ ...data, pid: 0, uid: 0, lost }, 0n);
}

/** What a signal tells of. */
type Kind = "sender" | "value" | "child" | "poll" | "timer";

function kindOf(signo: number, code: number): Kind {
  if (code === SI.TIMER) return "timer";
  if (code === SI.SIGIO) return "poll";
  if (code === SI.TKILL || code === SI.DETHREAD) return "sender";
  if (code < 0) return "value";
  if (code === SI.USER || code >= SI.KERNEL) return "sender";
  return signo === SIG.CHLD ? "child" : "poll";
}

type Details = Omit<SignalfdEventData, "signal" | "signo" | "code" | "codeNumber">;

function detailsOf(kind: Kind, info: Siginfo): Details {
  const { si_pid: pid, si_uid: uid, si_int: value } = info;
  switch (kind) {
    case "value":
      return { pid, uid, value };
    case "child":
      return {
        pid,
        uid,
        status: info.si_status,
        userTime: Number(info.si_utime) * TICK,
        systemTime: Number(info.si_stime) * TICK,
      };
    case "poll":
      return { pid: 0, uid: 0, fd: info.si_fd, band: Number(info.si_band) };
    case "timer":
      return { pid: 0, uid: 0, timerId: info.si_timerid, overrun: info.si_overrun, value };
    default:
      return { pid, uid };
  }
}
