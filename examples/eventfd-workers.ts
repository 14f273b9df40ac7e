/**
 * A Worker that hands numbers to another through shared memory, and wakes it with an Eventfd:
 * `bun examples/eventfd-workers.ts [COUNT]`
 */
import { Eventfd } from "bun-butter";
import { dup } from "bun-butter/syscalls";

/** What each Worker gets: the memory, and a descriptor of its own to adopt. */
interface Job {
  readonly role: "make" | "sum";
  readonly fd: number;
  readonly numbers: BigInt64Array<SharedArrayBuffer>;
}

if (Bun.isMainThread) {
  const count = Number(process.argv[2] ?? 1000);
  if (!(Number.isInteger(count) && count >= 0)) {
    console.error("usage: eventfd-workers.ts [COUNT]");
    process.exit(2);
  }
  const numbers = new BigInt64Array(new SharedArrayBuffer(count * BigInt64Array.BYTES_PER_ELEMENT));
  using eventfd = new Eventfd();
  const start = (role: Job["role"]) => {
    const worker = new Worker(import.meta.url);
    worker.postMessage({ role, fd: dup(eventfd), numbers } satisfies Job);
    return worker;
  };
  const summing = start("sum");
  summing.addEventListener("message", ({ data }) => console.log(data));
  start("make");
  await new Promise((resolve) => summing.addEventListener("close", resolve));
} else {
  addEventListener("message", ({ data }: MessageEvent<Job>) => ({ make, sum })[data.role](data), {
    once: true,
  });
}

async function make({ fd, numbers }: Job): Promise<void> {
  using eventfd = Eventfd.adopt(fd);
  for (const at of numbers.keys()) {
    Atomics.store(numbers, at, BigInt(at + 1));
    eventfd.add();
  }
}

async function sum({ fd, numbers }: Job): Promise<void> {
  using eventfd = Eventfd.adopt(fd);
  let [next, total] = [0, 0n];
  while (next < numbers.length) {
    // How many were handed over since the last look: the faster the other Worker is, the fewer looks there are.
    const { value } = await eventfd.readEvent();
    for (const end = next + Number(value); next < end; next++) total += Atomics.load(numbers, next);
  }
  postMessage(`the sum of ${numbers.length} numbers is ${total}`);
}
