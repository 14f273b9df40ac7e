/**
 * Who reads a group while its own thread can't: that one may be waiting for the very access that it would have to allow.
 *
 * @module
 */
import { libcPath, type Pinned, pinned } from "../libc.ts";
import { EFD, eventfd, eventfd_write } from "../syscalls/eventfd.ts";
import { O, pipe2, read_nonblock } from "../syscalls/fd.ts";
import { closeQuietly } from "./intake.ts";

/** Milliseconds that an event waits before the thread is taken for busy: an access of its own takes that much longer. */
const GRACE = 10;

/** Bytes of one packet, and of one look: as much as a pipe writes in one piece. */
const PACKET = 4096;

/** Milliseconds that closing waits for a look that is under way, which takes microseconds. */
const PATIENCE = 100;

/** Cells of the memory that both threads have: looks so far, whether it is over, who may touch the group, and what is left to take. */
const LOOKS = 0;
const OVER = 1;
const LOCK = 2;
/** Packets that were handed on and not taken. */
const LEFT = 3;

/**
 * Waits for events, and for a thread that doesn't read them. It allows accesses of this process and hands the rest on, through
 * a pipe of packets, for the thread to decode when it can. It is text, as the doorbell's thread is, and has the layout of
 * `struct fanotify_event_metadata` and `struct fanotify_response` for the same reason.
 */
const program = `
import { dlopen } from "bun:ffi";
self.onmessage = ({ data: { libc, group, handover, stop, shared, pid, tid, waits, grace } }) => {
  const c = dlopen(libc, {
    access: { args: ["cstring", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
    write: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  }).symbols;
  const state = new Int32Array(shared);
  const bytes = new Uint8Array(${PACKET});
  const view = new DataView(bytes.buffer);
  const response = new Int32Array([0, 1]);
  const IN = 1, OUT = 4, NVAL = 32;
  const poll = (timeout, ...fds) => {
    // struct pollfd { int fd; short events, revents; }
    const pollfds = new Int32Array(fds);
    c.poll(pollfds, fds.length / 2, timeout);
    return pollfds.filter((_, at) => at % 2 === 1).map((events) => events >>> 16);
  };
  const isOwn = (id) => (tid ? c.access("/proc/self/task/" + id, 0) === 0 : id === pid);
  const take = () => {
    if (poll(0, handover, OUT)[0] !== OUT) return;
    const length = c.read(group, bytes, bytes.length);
    let kept = 0;
    for (let at = 0, next = 0; at + 24 <= length; at = next) {
      next = at + view.getUint32(at, true);
      if (next < at + 24 || next > length) break;
      const fd = view.getInt32(at + 16, true);
      const id = view.getInt32(at + 20, true);
      if (fd >= 0 && (view.getUint32(at + 8, true) & waits) !== 0 && isOwn(id)) {
        response[0] = fd;
        c.write(group, response, 8);
        c.close(fd);
      } else {
        bytes.copyWithin(kept, at, next);
        kept += next - at;
      }
    }
    if (kept > 0 && c.write(handover, bytes, kept) > 0) Atomics.add(state, ${LEFT}, 1);
  };
  while (Atomics.load(state, ${OVER}) === 0) {
    const [, ready] = poll(-1, stop, IN, group, IN);
    const looks = Atomics.load(state, ${LOOKS});
    // Closed behind everybody's back, there is nothing to do but to end.
    poll(ready & NVAL ? -1 : grace, stop, IN);
    if (Atomics.load(state, ${LOOKS}) !== looks) continue;
    if (Atomics.compareExchange(state, ${LOCK}, 0, 1) !== 0) continue;
    if (Atomics.load(state, ${OVER}) === 0) take();
    Atomics.store(state, ${LOCK}, 0);
  }
  // Its writer is done with it then.
  c.read(stop, bytes, 8);
  c.close(handover);
  c.close(stop);
  self.close();
};
`;

/** Never revoked: a thread loads it some time after it was started. */
let url: string | undefined;

/** A thread beside the one that has the group. */
export class Warden {
  /** Where it hands on what it read, a packet for each look; -1 once over. */
  #reader: number;
  readonly #stop: number;
  readonly #state = new Int32Array(new SharedArrayBuffer(16));

  /**
   * @param group Borrowed until it is disposed.
   * @param tid Whether events name threads.
   * @param waits Which events wait for a decision: `FAN` bits.
   */
  constructor(group: number, tid: boolean, waits: number) {
    this.#stop = eventfd(0, EFD.CLOEXEC);
    let handover = -1;
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
        shared: this.#state.buffer,
        pid: process.pid,
        tid,
        waits,
        grace: GRACE,
      });
    } catch (error) {
      closeQuietly(this.#stop);
      closeQuietly(handover);
      throw error;
    }
  }

  /** What it handed on is readable here. */
  get fd(): number {
    return this.#reader;
  }

  /** Tells it that the thread looks after the group itself. */
  look(): void {
    Atomics.add(this.#state, LOOKS, 1);
  }

  /** What one look of it left to the thread. @returns Bytes, at most 0 if there is nothing. */
  read(buffer: Pinned): number {
    // Asked at every look at the group: a number costs less than a call.
    if (Atomics.load(this.#state, LEFT) === 0) return 0;
    Atomics.sub(this.#state, LEFT, 1);
    return read_nonblock(this.#reader, buffer);
  }

  /**
   * Ends it. It touches the group no more from here on.
   *
   * @param drop Takes each packet that is left: it has descriptors.
   */
  end(drop: (buffer: Pinned, length: number) => void): void {
    if (this.#reader === -1) return;
    Atomics.store(this.#state, OVER, 1);
    const giveUp = performance.now() + PATIENCE;
    while (Atomics.compareExchange(this.#state, LOCK, 0, 2) !== 0 && performance.now() < giveUp);
    eventfd_write(this.#stop, 1);
    if (Atomics.load(this.#state, LEFT) > 0) {
      using buffer = pinned(PACKET);
      for (let length = this.read(buffer); length > 0; length = this.read(buffer))
        drop(buffer, length);
    }
    closeQuietly(this.#reader);
    this.#reader = -1;
  }
}
