/** The thread that rings where the kernel does not. */
import { expect, test } from "bun:test";
import { fstatSync, openSync } from "node:fs";

import { poll } from "bun-butter";
import { close, EFD, eventfd, F, fcntl, POLL, write } from "bun-butter/syscalls";

import { ThreadRinger } from "../../src/events/doorbell-thread.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

test("a bell's thread never writes to what gets the number of a closed bell", async () => {
  using fds = new Fds();
  using dir = tempDir();
  const [reader, writer] = fds.pipe();
  const same = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
  // So high that nothing else in this process takes it.
  const bell = fcntl(same, F.DUPFD_CLOEXEC, 900);
  using ringer = new ThreadRinger(reader, POLL.IN, bell);
  ringer.arm();
  close(bell);
  const file = fds.add(fcntl(fds.add(openSync(dir.at("file"), "w")), F.DUPFD_CLOEXEC, bell));
  expect(file).toBe(bell);
  write(writer, new Uint8Array([1]));
  await poll(same, "in");
  expect(fstatSync(file).size).toBe(0);
});
