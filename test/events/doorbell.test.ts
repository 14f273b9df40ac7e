/** The thread that rings where the kernel does not. */
import { expect, test } from "bun:test";
import { fstatSync, openSync } from "node:fs";

import { poll } from "bun-butter";
import { close, dup, EFD, eventfd, POLL, write } from "bun-butter/syscalls";

import { ThreadRinger } from "../../src/events/doorbell-thread.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

test("a bell's thread never writes to what gets the number of a closed bell", async () => {
  using fds = new Fds();
  using dir = tempDir();
  const [reader, writer] = fds.pipe();
  const bell = eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC);
  const same = fds.add(dup(bell));
  using ringer = new ThreadRinger(reader, POLL.IN, bell);
  ringer.arm();
  close(bell);
  const file = numbered(bell, dir.at("file"), fds);
  write(writer, new Uint8Array([1]));
  await poll(same, "in");
  expect(fstatSync(file).size).toBe(0);
});

/** A new file whose descriptor has a number that is free. */
function numbered(number: number, path: string, fds: Fds): number {
  for (;;) {
    const fd = fds.add(openSync(path, "w"));
    if (fd === number) return fd;
    if (fd > number) throw new Error(`Cannot open ${path} as ${number}: it is not free`);
  }
}
