/** What butter's event objects get wrong, as far as no other test is about it. */
import { expect, test } from "bun:test";

import { F, fcntl, FD, O } from "bun-butter/syscalls";

import { emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { canRefuse } from "../support/seccomp.ts";
import { sources } from "../support/sources.ts";

const here = sources.filter(({ skip }) => skip === undefined);

test.each(here)(
  "$name is closed by execve and does not block, whatever was asked for",
  ({ open }) => {
    using fixture = open();
    const { source } = fixture;
    expect(fcntl(source, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
    expect(fcntl(source, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  },
);

test.each(here.filter(({ adopt }) => adopt !== undefined))(
  "$name may have a descriptor beyond those that select(2) takes",
  async ({ open, adopt }) => {
    using fixture = open();
    const fd = fcntl(fixture.source, F.DUPFD_CLOEXEC, 1024);
    using source = adopt?.(fd);
    expect(source?.fd).toBe(fd);
    const event = source?.readEvent();
    fixture.fire();
    expect(await event).toBeDefined();
  },
);

/** A handler that does nothing and lets no call go on that it interrupts, called in every thread while one waits for an event. */
const interrupted = `
  import { Eventfd } from "bun-butter";
  import { gettid, SIG, sigaction } from "bun-butter/syscalls";
  import { dlopen } from "bun:ffi";
  import { readdirSync, readFileSync } from "node:fs";
  import { libcPath } from "./src/libc.ts";
  import { tgkill } from "./test/support/direct.ts";
  import { refuse } from "./test/support/seccomp.ts";

  const { abs } = dlopen(libcPath(), { abs: { args: ["i32"], returns: "i32" } }).symbols;
  if (process.argv.at(-1) === "a thread polls") refuse("io_setup", "ENOSYS");
  sigaction(SIG.USR1, { sa_handler: BigInt(abs.ptr), sa_mask: 0n, sa_flags: 0 });
  const bits = (tid, field) =>
    BigInt("0x" + new RegExp("^" + field + ":\\\\s*(.*)$", "m").exec(readFileSync("/proc/self/task/" + tid + "/status", "utf8"))[1]);
  const usr1 = 1n << BigInt(SIG.USR1 - 1);
  const interrupt = async () => {
    const threads = readdirSync("/proc/self/task").map(Number);
    for (const tid of threads.filter((tid) => tid !== gettid() && (bits(tid, "SigBlk") & usr1) === 0n)) {
      tgkill(process.pid, tid, SIG.USR1);
      while ((bits(tid, "SigPnd") & usr1) !== 0n) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  using eventfd = new Eventfd();
  // There is something that waits for events after the first.
  for (let n = 1n; n <= 3n; n++) {
    const event = eventfd.readEvent();
    await interrupt();
    eventfd.add(n);
    console.log((await event).value === n);
  }
  await interrupt();
  eventfd.add();
  console.log((await eventfd.readEvent()).value === 1n);
`;

const ways = ["the kernel polls", ...(canRefuse() ? ["a thread polls"] : [])];
test.skipIf(emulated).each(ways)(
  "a signal that interrupts every thread interrupts no wait for an event: %s (not under emulation, which has threads of its own)",
  async (way) => {
    const { stdout, stderr } = await runScript(interrupted, { args: ["--", way] });
    expect({ stdout, stderr }).toEqual({ stdout: "true\n".repeat(4), stderr: "" });
  },
);
