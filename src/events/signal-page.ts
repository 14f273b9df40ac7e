/**
 * The handler's code in this process, and its data.
 *
 * They are never given back: a thread may be anywhere in the code, and nobody can tell. Some 16 KiB are really used, once
 * for each thread that ever takes a signal.
 *
 * @module
 */
import { read, toArrayBuffer } from "bun:ffi";

import { type Address, builtin } from "../libc.ts";
import { gettid } from "../syscalls/getpid.ts";
import { MAP, mmap, mprotect, munmap, PROT } from "../syscalls/mman.ts";
import {
  read_sigaction,
  SA,
  type Sigaction,
  SIGACTION_SIZE,
  sigfillset,
  write_sigaction,
} from "../syscalls/signal.ts";
import { DATA, handlerCode, INSTEAD } from "./signal-handler-code.ts";

/** What there was before a signal was taken. */
export interface Before {
  readonly action: Sigaction;
  /** Whether the thread that took it had it blocked. */
  readonly blocked: boolean;
}

/** For each signal a `struct sigaction`, then whether it was blocked. */
const RECORD_SIZE = SIGACTION_SIZE + 8;

const LAST = 64;

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
    page.#words.fill(INSTEAD.GIVEN_BACK, DATA.fds / 4, DATA.fds / 4 + LAST + 1);
    page.#words[DATA.owner / 4] = gettid();
    return page;
  }

  /** The copy that a handler is: one's own, another thread's, another copy of this package's. */
  static at(handler: bigint): Page | undefined {
    // SIG_DFL and SIG_IGN are no addresses.
    if (handler < 0x1000n) return undefined;
    const address = Number(handler) as Address;
    // One byte after the other: what is behind another handler need not be mapped.
    for (let at = 0; at < code.byteLength; at++)
      if (read.u8(address, at) !== code[at]) return undefined;
    return new Page(address);
  }

  /** What writes a signal to its descriptor. Every other one waits until it returns. */
  get action(): Sigaction {
    return {
      sa_handler: BigInt(this.#address),
      sa_mask: sigfillset(),
      sa_flags: SA.SIGINFO | SA.RESTART,
    };
  }

  /** Whether a handler is this copy. */
  is(handler: bigint): boolean {
    return handler === BigInt(this.#address);
  }

  /** The thread that takes signals with it. */
  get owner(): number {
    return this.#words[DATA.owner / 4] ?? 0;
  }

  /** Whether that thread is still there. A Worker that was terminated is not, and its signals are still taken. */
  get alive(): boolean {
    return builtin("node:fs").existsSync(`/proc/self/task/${this.owner}`);
  }

  /** Lets a signal be written to a descriptor, or what there is instead. */
  direct(signo: number, fd: number): void {
    Atomics.store(this.#words, DATA.fds / 4 + signo, fd);
  }

  /** How often there was no room for a signal since this was asked last. */
  takeLost(signo: number): number {
    const at = DATA.lost / 4 + signo;
    return this.#words[at] === 0 ? 0 : Atomics.exchange(this.#words, at, 0) >>> 0;
  }

  /** Waits until no thread is about to write to a descriptor that it was told before. Each needs a processor, and no more. */
  settle(): void {
    for (let look = 0; Atomics.load(this.#words, DATA.active / 4) > 0; look++)
      if (look > SPINS) Atomics.wait(clock, 0, 0, 0.1);
  }

  /** Remembers what there was before. */
  save(signo: number, { action, blocked }: Before): void {
    write_sigaction(this.#saved, signo * RECORD_SIZE, action);
    this.#saved.setUint8(signo * RECORD_SIZE + SIGACTION_SIZE, blocked ? 1 : 0);
  }

  /** What there was before. */
  before(signo: number): Before {
    return {
      action: read_sigaction(this.#saved, signo * RECORD_SIZE),
      blocked: this.#saved.getUint8(signo * RECORD_SIZE + SIGACTION_SIZE) !== 0,
    };
  }
}

/** Looks that take about as long as the code does. */
const SPINS = 1000;

const clock = new Int32Array(new SharedArrayBuffer(4));
