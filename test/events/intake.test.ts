/** Descriptors that are closed behind a source's back. */
import { expect, test } from "bun:test";

import { Eventfd } from "bun-butter";
import { close } from "bun-butter/syscalls";

test("a source whose number another one got ends its read, and leaves that one alone", async () => {
  const stale = new Eventfd();
  const { fd } = stale;
  const pending = stale.readEvent().then(
    () => "an event",
    ({ code }) => code,
  );
  close(fd);
  using taker = new Eventfd();
  expect(taker.fd).toBe(fd);
  expect(await pending).toBe("EBADF");
  expect(stale.closed).toBe(true);
  stale.close();
  taker.add(2);
  expect(await taker.readEvent()).toEqual({ value: 2n });
});
