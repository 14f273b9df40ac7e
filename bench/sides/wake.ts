/** wake.ts wait|waitAsync|message|eventfd COUNT: two Workers wake each other in turn, so many times; then one rings as often in a row. */
import { Eventfd } from "bun-butter";
import { dup } from "bun-butter/syscalls";

/** What a Worker rings, and what it waits for. */
interface Bells extends Disposable {
  ring(): void;
  /** Waits until it was rung for, and tells how often since it was asked last. */
  next(): Promise<number> | number;
}

/** What a Worker gets. */
interface Job {
  readonly way: string;
  readonly count: number;
  /** Whether it rings first, and measures. */
  readonly first: boolean;
  /** How often each has been rung for: its own, then the other's. */
  readonly counters: readonly Int32Array<SharedArrayBuffer>[];
  /** To adopt: its own, then the other's. */
  readonly fds: readonly number[];
  readonly port: MessagePort;
}

/** So often before anything counts: the code is compiled then. */
const WARM = 2000;

const ways: Readonly<Record<string, (job: Job) => Bells>> = {
  wait({ counters }) {
    const { own, ring, taken } = counting(counters);
    const next = (): number => {
      let count = taken();
      for (; count === 0; count = taken()) Atomics.wait(own, 0, Atomics.load(own, 1));
      return count;
    };
    return { ring, next, [Symbol.dispose]() {} };
  },
  waitAsync({ counters }) {
    const { own, ring, taken } = counting(counters);
    const next = async (): Promise<number> => {
      let count = taken();
      for (; count === 0; count = taken())
        await Atomics.waitAsync(own, 0, Atomics.load(own, 1)).value;
      return count;
    };
    // A Worker that only waits for this has ended.
    const held = setInterval(() => {}, 2 ** 30);
    return { ring, next, [Symbol.dispose]: () => clearInterval(held) };
  },
  message({ port }) {
    let rung = 0;
    let told: (() => void) | undefined;
    port.addEventListener("message", () => {
      rung++;
      told?.();
    });
    port.start();
    const next = async (): Promise<number> => {
      if (rung === 0) await new Promise<void>((resolve) => (told = resolve));
      const count = rung;
      rung = 0;
      return count;
    };
    return { ring: () => port.postMessage(0), next, [Symbol.dispose]: () => port.close() };
  },
  eventfd({ fds: [mine = -1, theirs = -1] }) {
    const own = Eventfd.adopt(mine);
    const other = Eventfd.adopt(theirs);
    const next = async (): Promise<number> => Number((await own.readEvent()).value);
    const close = (): void => [own, other].forEach((eventfd) => eventfd.close());
    return { ring: () => other.add(), next, [Symbol.dispose]: close };
  },
};

/** Counts in shared memory: how often it was rung, and beside it how much of that was taken. */
function counting([own, other]: Job["counters"]) {
  if (own === undefined || other === undefined) throw new Error("Cannot count: no memory");
  const ring = (): void => {
    Atomics.add(other, 0, 1);
    Atomics.notify(other, 0);
  };
  const taken = (): number => {
    const rung = Atomics.load(own, 0);
    return rung - Atomics.exchange(own, 1, rung);
  };
  return { own, ring, taken };
}

/** Rings and waits in turn, and returns how long the ringing took, in ms. */
async function alternate(bells: Bells, count: number, first: boolean): Promise<number> {
  let ringing = 0;
  for (let n = 0; n < count; n++) {
    if (!first) await bells.next();
    const before = performance.now();
    bells.ring();
    ringing += performance.now() - before;
    if (first) await bells.next();
  }
  return ringing;
}

/** One rings without a pause, and the other answers when it has counted that. */
async function pour(bells: Bells, count: number, first: boolean): Promise<void> {
  if (first) {
    for (let n = 0; n < count; n++) bells.ring();
    await bells.next();
  } else {
    for (let n = 0; n < count;) n += await bells.next();
    bells.ring();
  }
}

/** CPU of the process while something runs, in us. */
async function cost(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function work(job: Job): Promise<void> {
  const { count, first } = job;
  const bells = ways[job.way]?.(job);
  if (bells === undefined) throw new Error(`Cannot wake: there is no way ${job.way}`);
  using _ = bells;
  await alternate(bells, WARM, first);
  const start = performance.now();
  let ringing = 0;
  const cpu = await cost(async () => (ringing = await alternate(bells, count, first)));
  const time = performance.now() - start;
  await pour(bells, WARM, first);
  const poured = await cost(() => pour(bells, count, first));
  if (!first) return;
  postMessage({
    latency: (time * 1000) / (2 * count),
    ring: (ringing * 1000) / count,
    cpu: cpu / (2 * count),
    pour: poured / count,
  });
}

function main(): void {
  const [, , way = "", count] = process.argv;
  const counters = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
  using one = new Eventfd();
  using other = new Eventfd();
  const fds = [one, other];
  const { port1, port2 } = new MessageChannel();
  for (const first of [true, false]) {
    const worker = new Worker(import.meta.url);
    worker.addEventListener("message", ({ data }) => console.log(JSON.stringify(data)));
    worker.addEventListener("error", ({ message }) => {
      console.error(message);
      process.exit(1);
    });
    const port = first ? port1 : port2;
    const job: Job = {
      way,
      count: Number(count),
      first,
      counters: first ? counters : counters.toReversed(),
      fds: (first ? fds : fds.toReversed()).map((eventfd) => dup(eventfd)),
      port,
    };
    worker.postMessage(job, [port]);
  }
}

if (Bun.isMainThread) main();
else addEventListener("message", ({ data }: MessageEvent<Job>) => work(data), { once: true });
