/** Who rings: the kernel, or a thread where the kernel does not. */
import { expect, test } from "bun:test";
import { fstatSync, openSync } from "node:fs";

import { poll } from "bun-butter";
import { close, EFD, eventfd, F, fcntl, POLL, read, write } from "bun-butter/syscalls";

import { ThreadRinger } from "../../src/events/doorbell-thread.ts";
import { ringer } from "../../src/events/doorbell.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

test("ringer() rings for each arm(), however many were rung before and by whoever had its context", async () => {
  using fds = new Fds();
  const ready = fds.add(eventfd(1, EFD.NONBLOCK | EFD.CLOEXEC));
  const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
  const count = new BigUint64Array(1);
  for (let times = 0; times < 40; times++) {
    using one = ringer(ready, POLL.IN, bell);
    for (let rings = 0; rings < times; rings++) {
      one.arm();
      await poll(bell, "in");
      read(bell, count);
      expect(count[0]).toBe(1n);
    }
  }
});

test("a bell's thread never writes to what gets the number of a closed bell", async () => {
  using fds = new Fds();
  using dir = tempDir();
  const [reader, writer] = fds.pipe();
  const same = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
  // So high that nothing else in this process takes it.
  const bell = fcntl(same, F.DUPFD_CLOEXEC, 900);
  using thread = new ThreadRinger(reader, POLL.IN, bell);
  thread.arm();
  close(bell);
  const file = fds.add(fcntl(fds.add(openSync(dir.at("file"), "w")), F.DUPFD_CLOEXEC, bell));
  expect(file).toBe(bell);
  write(writer, new Uint8Array([1]));
  await poll(same, "in");
  expect(fstatSync(file).size).toBe(0);
});
