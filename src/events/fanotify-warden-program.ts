/**
 * What the warden's thread runs. It is text, as the doorbell's thread is, and has the layout of `struct fanotify_event_metadata`
 * and `struct fanotify_response` for the same reason.
 *
 * @module
 */
import { ALLOWED, ANSWERING, FREE, SLOTS } from "./fanotify-waiting.ts";

/** Bytes of one packet, and of one look: as much as a pipe writes in one piece. */
export const PACKET = 4096;

/** Milliseconds between looks at the table of those who wait. */
export const PERIOD = 100;

/** Cells of the memory that both threads have. */
export const CELL = {
  /** Looks of the group's thread so far. */
  LOOKS: 0,
  /** Whether it is over. */
  OVER: 1,
  /** Who may touch the group. */
  LOCK: 2,
  /** Packets that were handed on and not taken. */
  LEFT: 3,
  /** Packets that the pipe has no room for. */
  HELD: 4,
  /** How much of the table the group's thread has used. */
  USED: 5,
  /** Who was added to the table so far by the group's thread. */
  ADDS: 6,
  /** Whether it sleeps until somebody is added. */
  SLEEPS: 7,
  /** Where the table of those who wait begins. */
  TABLE: 8,
} as const;

/** What ends it, as its eventfd has it; less than this only wakes it. */
export const STOP: bigint = 1n << 32n;

/** Takes its post with one message; see {@linkcode Warden} for what is in it. */
export const program = `
import { dlopen } from "bun:ffi";
self.onmessage = ({ data: { libc, group, handover, stop, shared, pid, tid, waits, grace, periods } }) => {
  const c = dlopen(libc, {
    access: { args: ["cstring", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    open: { args: ["cstring", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
    write: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  }).symbols;
  const state = new Int32Array(shared, 0, ${CELL.TABLE});
  const table = new Int32Array(shared, ${CELL.TABLE * 4});
  const bytes = new Uint8Array(${PACKET});
  const response = new Int32Array([0, 1]);
  const IN = 1, OUT = 4, NVAL = 32, CLOEXEC = 0o2000000;
  const poll = (timeout, ...fds) => {
    // struct pollfd { int fd; short events, revents; }
    const pollfds = new Int32Array(fds);
    c.poll(pollfds, fds.length / 2, timeout);
    return pollfds.filter((_, at) => at % 2 === 1).map((events) => events >>> 16);
  };
  const load = (cell) => Atomics.load(state, cell);
  const allow = (fd) => {
    response[0] = fd;
    c.write(group, response, 8);
  };

  // A child that has executed nothing so far is this program still, and whoever called vfork waits for it.
  const stat = new Uint8Array(1024);
  const isUnborn = (id) => {
    const fd = c.open("/proc/" + id + "/stat", CLOEXEC);
    if (fd < 0) return false;
    const text = new TextDecoder().decode(stat.subarray(0, Math.max(0, c.read(fd, stat, stat.length))));
    c.close(fd);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const PF_FORKNOEXEC = 0x40;
    return Number(fields[1]) === pid && (Number(fields[6]) & PF_FORKNOEXEC) !== 0;
  };
  const isOwn = (id) =>
    (tid ? c.access("/proc/self/task/" + id, 0) === 0 : id === pid) || (id > 0 && isUnborn(id));

  // Calls back with each event of what was read: where it is, and where it ends.
  const visit = (view, length, call) => {
    for (let at = 0, next = 0; at + 24 <= length; at = next) {
      next = at + view.getUint32(at, true);
      if (next < at + 24 || next > length) break;
      call(at, next, view.getInt32(at + 16, true), (view.getUint32(at + 8, true) & waits) !== 0);
    }
  };
  const close = (view, at, end, fd) => {
    if (fd >= 0) c.close(fd);
    // Records, of which that of a pidfd has one more.
    for (let record = at + view.getUint16(at + 6, true); record + 8 <= end; ) {
      const length = view.getUint16(record + 2, true);
      if (view.getUint8(record) === 4 && view.getInt32(record + 4, true) >= 0)
        c.close(view.getInt32(record + 4, true));
      if (length < 4) break;
      record += length;
    }
  };

  const view = new DataView(bytes.buffer);
  const held = [];
  // Whether somebody was waiting at the last look at the table, or is since.
  let waiting = false;
  let used = 0;
  const handOn = () => {
    while (held.length > 0 && poll(0, handover, OUT)[0] === OUT) {
      if (c.write(handover, held[0], held[0].length) < 0) break;
      held.shift();
      Atomics.add(state, ${CELL.LEFT}, 1);
    }
    Atomics.store(state, ${CELL.HELD}, held.length);
  };
  const take = () => {
    const length = c.read(group, bytes, bytes.length);
    let kept = 0;
    visit(view, length, (at, next, fd, decided) => {
      if (decided && fd >= 0 && isOwn(view.getInt32(at + 20, true))) {
        allow(fd);
        close(view, at, next, fd);
        return;
      }
      if (decided && fd >= 0 && fd < ${SLOTS}) {
        waiting = true;
        used = Math.max(used, fd + 1);
        Atomics.compareExchange(table, fd, ${FREE}, 1);
      }
      bytes.copyWithin(kept, at, next);
      kept += next - at;
    });
    if (kept > 0) held.push(bytes.slice(0, kept));
    handOn();
  };

  // Who waits grows older by one for each period, and is allowed at last: the other thread may be busy for ever.
  let period = -1, adds = 0;
  const age = () => {
    const now = Math.floor(performance.now() / ${PERIOD});
    if (now === period) return;
    period = now;
    adds = load(${CELL.ADDS});
    waiting = false;
    used = Math.max(used, load(${CELL.USED}));
    for (let fd = 0; fd < used; fd++) {
      const age = table[fd];
      if (age <= ${FREE}) continue;
      waiting = true;
      const next = age > periods ? ${ANSWERING} : age + 1;
      if (Atomics.compareExchange(table, fd, age, next) !== age || next !== ${ANSWERING}) continue;
      allow(fd);
      Atomics.store(table, fd, ${ALLOWED});
    }
  };

  const isQuiet = () => !waiting && held.length === 0 && load(${CELL.ADDS}) === adds;

  let stopped = false;
  const readStop = () => {
    stopped = c.read(stop, bytes, 8) < 0 || view.getUint32(4, true) !== 0;
  };
  const locked = (work) => {
    if (Atomics.compareExchange(state, ${CELL.LOCK}, 0, 1) !== 0) return;
    if (load(${CELL.OVER}) === 0) work();
    Atomics.store(state, ${CELL.LOCK}, 0);
  };
  while (load(${CELL.OVER}) === 0) {
    locked(age);
    // Twice: who is added after the second time wakes it.
    if (isQuiet()) Atomics.store(state, ${CELL.SLEEPS}, 1);
    const timeout = isQuiet() ? -1 : held.length > 0 ? grace : ${PERIOD};
    const [woken, ready] = poll(timeout, stop, IN, group, IN);
    Atomics.store(state, ${CELL.SLEEPS}, 0);
    if (woken !== 0 && load(${CELL.OVER}) === 0) readStop();
    if (held.length > 0) locked(handOn);
    if (ready === 0) continue;
    const seen = load(${CELL.LOOKS});
    // Closed behind everybody's back, there is nothing to do but to end.
    poll(ready & NVAL ? -1 : grace, stop, IN);
    if (load(${CELL.LOOKS}) === seen) locked(take);
  }
  for (const packet of held) {
    const view = new DataView(packet.buffer);
    visit(view, packet.length, (at, next, fd, decided) => {
      if (decided && fd >= 0) allow(fd);
      close(view, at, next, fd);
    });
  }
  Atomics.store(state, ${CELL.HELD}, 0);
  // Its writer is done with it then.
  while (!stopped) readStop();
  c.close(handover);
  c.close(stop);
  self.close();
};
`;
