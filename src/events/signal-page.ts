/**
 * The handler's code in this process, and its data.
 *
 * They are never given back: a thread may be anywhere in the code, and nobody can tell. Some 16 KiB are really used, once
 * for each thread that ever takes a signal.
 *
 * @module
 */
import { read, toArrayBuffer } from "bun:ffi";

import type { Address } from "../libc.ts";
import { gettid } from "../syscalls/getpid.ts";
import { MAP, mmap, mprotect, munmap, PROT } from "../syscalls/mman.ts";
import {
  read_sigaction,
  SA,
  SIG,
  type Sigaction,
  SIGACTION_SIZE,
  sigdelset,
  sigfillset,
  write_sigaction,
} from "../syscalls/signal.ts";
import { DATA, GIVEN_BACK, handlerCode } from "./signal-handler-code.ts";
import { hasEnded, started } from "./signal-thread.ts";

const LAST = 64;

/** Every signal that the kernel leaves in a mask. */
const everything = sigdelset(sigdelset(sigfillset(), SIG.KILL), SIG.STOP);

const code = handlerCode(process.arch === "arm64" ? "arm64" : "x64");

/** One copy of the code, with its data. */
export class Page {
  readonly #address: Address;
  readonly #words: Int32Array;
  readonly #saved: DataView;

  private constructor(address: Address) {
    this.#address = address;
    const data = toArrayBuffer((address + DATA.offset) as Address, 0, DATA.size);
    this.#words = new Int32Array(data);
    this.#saved = new DataView(data, DATA.saved);
  }

  /**
   * Makes one for this thread.
   *
   * @throws {PermissionError} `EACCES`: this system lets no memory become executable.
   */
  static create(): Page {
    const both = PROT.READ | PROT.WRITE;
    const size = DATA.offset + DATA.size;
    const address = mmap(0, size, both, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
    try {
      new Uint8Array(toArrayBuffer(address, 0, code.byteLength)).set(code);
      mprotect(address, DATA.offset, PROT.READ | PROT.EXEC);
    } catch (error) {
      munmap(address, size);
      throw error;
    }
    const page = new Page(address);
    page.#words.fill(GIVEN_BACK, DATA.fds / 4, DATA.fds / 4 + LAST + 1);
    page.#words[DATA.owner / 4] = gettid();
    page.#words[DATA.started / 4] = started(gettid());
    return page;
  }

  /** The copy that a handler is: one's own, another thread's, another copy of this package's. */
  static at({ sa_handler }: Sigaction): Page | undefined {
    // SIG_DFL and SIG_IGN are no addresses.
    if (sa_handler < 0x1000n) return undefined;
    const address = Number(sa_handler) as Address;
    // One byte after the other: what is behind another handler need not be mapped.
    for (let at = 0; at < code.byteLength; at++)
      if (read.u8(address, at) !== code[at]) return undefined;
    return new Page(address);
  }

  /** What writes a signal to its descriptor. Every other one waits until it returns. */
  get action(): Sigaction {
    return {
      sa_handler: BigInt(this.#address),
      sa_mask: everything,
      sa_flags: SA.SIGINFO | SA.RESTART,
    };
  }

  /** Whether it is this copy that a process calls, however it does that. */
  is({ sa_handler }: Sigaction): boolean {
    return sa_handler === BigInt(this.#address);
  }

  /** The thread that takes signals with it. */
  get owner(): number {
    return this.#words[DATA.owner / 4] ?? 0;
  }

  /** Whether it takes a signal: some thread wants it, and is still there. */
  takes(signo: number): boolean {
    if (Atomics.load(this.#words, DATA.fds / 4 + signo) === GIVEN_BACK) return false;
    return !hasEnded(this.owner, this.#words[DATA.started / 4]);
  }

  /** Lets a signal be written to a descriptor, or {@linkcode GIVEN_BACK}. */
  direct(signo: number, fd: number): void {
    Atomics.store(this.#words, DATA.fds / 4 + signo, fd);
  }

  /** How often there was no room for a signal since this was asked last. */
  takeLost(signo: number): number {
    const at = DATA.lost / 4 + signo;
    return this.#words[at] === 0 ? 0 : Atomics.exchange(this.#words, at, 0) >>> 0;
  }

  /** Waits until no thread does what it was told before. Each needs a processor, and no more. */
  settle(): void {
    for (let look = 0; Atomics.load(this.#words, DATA.active / 4) > 0; look++)
      if (look > SPINS) Atomics.wait(clock, 0, 0, 0.1);
  }

  /** Remembers what the process does about a signal instead. */
  save(signo: number, action: Sigaction): void {
    write_sigaction(this.#saved, signo * SIGACTION_SIZE, action);
  }

  /** What the process does about a signal instead. */
  saved(signo: number): Sigaction {
    return read_sigaction(this.#saved, signo * SIGACTION_SIZE);
  }
}

/** Looks that take about as long as the code does. */
const SPINS = 1000;

const clock = new Int32Array(new SharedArrayBuffer(4));
