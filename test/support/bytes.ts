/** Bytes to move: made, fed and collected, with nothing of what is tested but the calls themselves. */
import { dlopen } from "bun:ffi";

import { type OSError, poll } from "bun-butter";
import { O, pinned, read_nonblock, write } from "bun-butter/syscalls";

import { libcPath } from "../../src/libc.ts";
import type { Fds } from "./fds.ts";

/** Bytes of which no part is like another. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 0x9e3779b9;
  for (let at = 0; at < length; at++) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + at;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** What a long text is compared by. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes, ${Bun.hash(bytes).toString(16)}`;
}

/** Everything that comes out of a non-blocking descriptor, to its end. */
export async function collect(fd: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  using buf = pinned(65_536);
  for (;;) {
    const count = read_nonblock(fd, buf);
    if (count === 0) return Buffer.concat(pieces);
    if (count === -1) await poll(fd, "in");
    else pieces.push(buf.bytes.slice(0, count));
  }
}

/** Writes everything to a non-blocking descriptor. */
export async function feed(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    try {
      at += write(fd, bytes.subarray(at, at + 65_536));
    } catch (error) {
      if ((error as OSError).code !== "EAGAIN") throw error;
      await poll(fd, "out");
    }
  }
}

const { socketpair } = dlopen(libcPath(), {
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
}).symbols;

/** Two connected sockets, close-on-exec and with these flags. */
export function sockets(fds: Fds, flags: number = O.NONBLOCK): [number, number] {
  const pair = new Int32Array(2);
  // AF_UNIX, SOCK_STREAM
  if (socketpair(1, 1 | flags | O.CLOEXEC, 0, pair) !== 0) throw new Error("Cannot socketpair");
  return [fds.add(pair[0] ?? -1), fds.add(pair[1] ?? -1)];
}
