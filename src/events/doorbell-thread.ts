/**
 * A bell's second way, where the kernel has no asynchronous poll: a thread that waits and rings.
 *
 * @module
 */
import { libcPath } from "../libc.ts";
import { EFD, eventfd } from "../syscalls/eventfd.ts";
import { close, F, fcntl, write } from "../syscalls/fd.ts";
import type { Ringer } from "./doorbell.ts";

/**
 * Waits for a token, then for the descriptor, then rings; a token of 2^32 ends it. It is text, because a
 * single-file executable holds no module that its user has not named; and it has its own prototypes,
 * because a blob can import nothing of this package.
 */
const program = `
import { dlopen } from "bun:ffi";
self.onmessage = ({ data: { libc, fd, events, bell, tokens } }) => {
  const c = dlopen(libc, {
    close: { args: ["i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64" },
    write: { args: ["i32", "ptr", "u64"], returns: "i64" },
  }).symbols;
  const one = new BigUint64Array([1n]);
  const token = new BigUint64Array(1);
  // struct pollfd { int fd; short events, revents; }[2], the first with POLLIN
  const fds = new Int32Array([tokens, 1, fd, events]);
  const STOP = 1n << 32n;
  // A signal may interrupt it; a read that was interrupted would look like the end.
  const wait = (count) => {
    do {
      fds[1] = 1;
      fds[3] = events;
    } while (c.poll(fds, count, -1) < 0);
  };
  for (;;) {
    wait(1);
    if (c.read(tokens, token, 8) !== 8n || token[0] >= STOP) break;
    wait(2);
    // A token while one is in use can only be the last one.
    if (fds[1] !== 1) break;
    c.write(bell, one, 8);
  }
  for (const own of [bell, fd, tokens]) c.close(own);
  self.close();
};
`;

const ARM = new BigUint64Array([1n]);
const STOP = new BigUint64Array([1n << 32n]);

/** Never revoked: a thread loads it some time after it was started. */
let url: string | undefined;

/**
 * A thread as the one who rings. Its descriptors are its own, and it closes them: it may be about to write when
 * the bell's owner closes the bell, and another file gets the number.
 */
export class ThreadRinger implements Ringer {
  readonly #tokens: number;

  constructor(fd: number, events: number, bell: number) {
    using opened = new DisposableStack();
    this.#tokens = opened.adopt(eventfd(0, EFD.CLOEXEC), close);
    const own = (shared: number): number => opened.adopt(fcntl(shared, F.DUPFD_CLOEXEC), close);
    const data = { libc: libcPath(), fd: own(fd), events, bell: own(bell), tokens: this.#tokens };
    url ??= URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.unref();
    worker.postMessage(data);
    opened.move();
  }

  arm(): void {
    write(this.#tokens, ARM);
  }

  [Symbol.dispose](): void {
    write(this.#tokens, STOP);
  }
}
