/** Descriptors that are closed behind a source's back. */
import { expect, test } from "bun:test";

import { Eventfd } from "bun-butter";
import { close } from "bun-butter/syscalls";

import { emulated } from "../support/capabilities.ts";

// There Bun opens some in other threads when it likes, which get the number.
test.skipIf(emulated)(
  "a source whose number another one got ends its read, and leaves that one alone (not under emulation)",
  async () => {
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
  },
);
