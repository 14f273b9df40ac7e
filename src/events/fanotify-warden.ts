/**
 * Who reads a group while its own thread can't: that one may be waiting for the very access that it would have to allow.
 *
 * @module
 */
import { libcPath, type Pinned, pinned } from "../libc.ts";
import { EFD, eventfd, eventfd_write } from "../syscalls/eventfd.ts";
import { O, pipe2, read_nonblock } from "../syscalls/fd.ts";
import { SLOTS, Waiting } from "./fanotify-waiting.ts";
import { CELL, PACKET, PERIOD, program, STOP } from "./fanotify-warden-program.ts";
import { closeQuietly } from "./intake.ts";

/** Milliseconds that an event waits before the thread is taken for busy: an access of its own takes that much longer. */
const GRACE = 10;

/** Milliseconds that closing waits for a look that is under way, which takes microseconds. */
const PATIENCE = 1000;

/** Never revoked: a thread loads it some time after it was started. */
let url: string | undefined;

/** What a group is like, for its warden. */
export interface WardenOptions {
  /** Whether events name threads. */
  readonly tid: boolean;
  /** Which events wait for a decision: `FAN` bits. */
  readonly waits: number;
  /** Milliseconds after which it allows what waits, if the thread has not. */
  readonly timeout: number;
}

/**
 * A thread beside the one that has the group. It waits for events, and for a thread that doesn't read them. It allows accesses
 * of this process and hands the rest on, through a pipe of packets, for the thread to decode when it can. What nobody
 * decides on it allows after some time.
 */
export class Warden {
  /** Where it hands on what it read, a packet for each look; -1 once over. */
  #reader: number;
  readonly #stop: number;
  readonly #state: Int32Array;
  /** How much of the table was used so far. */
  #used = 0;
  /** Who waits, and for whom it may answer. */
  readonly waiting: Waiting;

  /** @param group Borrowed until it is disposed. */
  constructor(group: number, { tid, waits, timeout }: WardenOptions) {
    const shared = new SharedArrayBuffer((CELL.TABLE + SLOTS) * 4);
    this.#state = new Int32Array(shared, 0, CELL.TABLE);
    this.#stop = eventfd(0, EFD.CLOEXEC);
    this.waiting = new Waiting(new Int32Array(shared, CELL.TABLE * 4), (fd) => this.#wake(fd));
    let handover = -1;
    this.#reader = -1;
    try {
      [this.#reader, handover] = pipe2(O.CLOEXEC | O.NONBLOCK | O.DIRECT);
      url ??= URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.unref();
      worker.postMessage({
        libc: libcPath(),
        group,
        handover,
        stop: this.#stop,
        shared,
        pid: process.pid,
        tid,
        waits,
        grace: GRACE,
        periods: Math.ceil(timeout / PERIOD) + 1,
      });
    } catch (error) {
      for (const fd of [this.#stop, this.#reader, handover]) closeQuietly(fd);
      throw error;
    }
  }

  /** What it handed on is readable here. */
  get fd(): number {
    return this.#reader;
  }

  /** Tells it that the thread looks after the group itself. */
  look(): void {
    Atomics.add(this.#state, CELL.LOOKS, 1);
  }

  /** What one look of it left to the thread. @returns Bytes, at most 0 if there is nothing. */
  read(buffer: Pinned): number {
    // Asked at every look at the group: a number costs less than a call.
    if (Atomics.load(this.#state, CELL.LEFT) === 0) return 0;
    Atomics.sub(this.#state, CELL.LEFT, 1);
    return read_nonblock(this.#reader, buffer);
  }

  /**
   * Ends it. It touches the group no more from here on.
   *
   * @param drop Takes each packet that is left: it has descriptors.
   */
  end(drop: (buffer: Pinned, length: number) => void): void {
    if (this.#reader === -1) return;
    const state = this.#state;
    Atomics.store(state, CELL.OVER, 1);
    const giveUp = performance.now() + PATIENCE;
    while (Atomics.compareExchange(state, CELL.LOCK, 0, 2) !== 0 && performance.now() < giveUp);
    eventfd_write(this.#stop, STOP);
    while (Atomics.load(state, CELL.HELD) > 0 && performance.now() < giveUp);
    if (Atomics.load(state, CELL.LEFT) > 0) {
      using buffer = pinned(PACKET);
      for (let length = this.read(buffer); length > 0; length = this.read(buffer))
        drop(buffer, length);
    }
    closeQuietly(this.#reader);
    this.#reader = -1;
  }

  /** It sleeps without end while nobody waits: an event that this thread reads at once does not wake it. */
  #wake(fd: number): void {
    if (fd >= this.#used) Atomics.store(this.#state, CELL.USED, (this.#used = fd + 1));
    Atomics.add(this.#state, CELL.ADDS, 1);
    if (Atomics.exchange(this.#state, CELL.SLEEPS, 0) === 1) eventfd_write(this.#stop, 1);
  }
}
