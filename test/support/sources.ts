/** Every source of events, for the tests that hold for all of them. A new source is a new row. */
import { existsSync, symlinkSync, writeFileSync } from "node:fs";

import {
  Eventfd,
  type EventSource,
  type EventSourceOptions,
  Fanotify,
  IN,
  Inotify,
  Pidfd,
  Pressure,
  Signalfd,
  Timerfd,
  watch,
} from "bun-butter";
import { POLL, poll, SIG_HANDLER, sigaction, sigqueue, SIGRTMIN } from "bun-butter/syscalls";

import { can, emulated, kernel } from "./capabilities.ts";
import { Orphan } from "./orphan.ts";
import { tempDir } from "./temp.ts";

/** A source, and what makes its events. */
export interface Fixture extends Disposable {
  readonly source: EventSource<unknown>;
  /** Makes exactly one event, now. Called again before that is read, it makes a second one or adds to the first. */
  fire(): void;
}

export interface SourceCase {
  readonly name: string;
  /** Whether two events that nobody read stay two: a counter adds them up. */
  readonly distinct: boolean;
  /** Whether its first event is its last, however often it is made. */
  readonly once?: boolean;
  /** Whether its events can't be made at will: only what needs none is tested. */
  readonly silent?: boolean;
  /** Why it can't run here. */
  readonly skip?: string | undefined;
  open(options?: EventSourceOptions): Fixture;
  /** Opens the source alone, on a descriptor that the test gave up. */
  adopt?(fd: number): EventSource<unknown>;
}

/** The signals of open fixtures. */
const signals = new Set<number>();

/** A real-time signal without a fixture; those that were dropped share the last one. Each thread has its own. */
function unusedSignal(): number {
  const first = SIGRTMIN() + (Bun.isMainThread ? 0 : 15);
  const all = Array.from({ length: 15 }, (_, at) => first + at);
  const signo = all.find((candidate) => !signals.has(candidate)) ?? first + 14;
  // What was not read when a source is closed is sent again, and would end this process.
  if (sigaction(signo, null).sa_handler === SIG_HANDLER.DFL)
    sigaction(signo, { sa_handler: SIG_HANDLER.IGN, sa_mask: 0n, sa_flags: 0 });
  return signo;
}

export const sources: readonly SourceCase[] = [
  {
    name: "Inotify",
    distinct: true,
    open(options) {
      const source = new Inotify(options);
      const dir = tempDir();
      source.watch(dir.path, IN.CREATE);
      let made = 0;
      return {
        source,
        fire: () => writeFileSync(dir.at(`${made++}`), ""),
        [Symbol.dispose]() {
          source.close();
          dir[Symbol.dispose]();
        },
      };
    },
    adopt: (fd) => Inotify.adopt(fd),
  },
  {
    name: "Fanotify",
    distinct: true,
    skip: emulated ? "no fanotify under emulation" : undefined,
    open(options) {
      const source = new Fanotify({ ...options, own: true });
      const dir = tempDir();
      source.mark(dir.path, "create");
      let made = 0;
      return {
        source,
        fire: () => writeFileSync(dir.at(`${made++}`), ""),
        [Symbol.dispose]() {
          source.close();
          dir[Symbol.dispose]();
        },
      };
    },
    adopt: (fd) => Fanotify.adopt(fd, { own: true }),
  },
  {
    name: "Watcher",
    distinct: true,
    open(options) {
      const dir = tempDir();
      try {
        const source = watch(dir.path, options);
        let made = 0;
        return {
          source,
          // A file that is written is two events.
          fire: () => symlinkSync("nowhere", dir.at(`${made++}`)),
          [Symbol.dispose]() {
            source.close();
            dir[Symbol.dispose]();
          },
        };
      } catch (error) {
        dir[Symbol.dispose]();
        throw error;
      }
    },
  },
  {
    name: "Eventfd",
    distinct: false,
    open(options) {
      const source = new Eventfd(options);
      return { source, fire: () => source.add(), [Symbol.dispose]: () => source.close() };
    },
    adopt: (fd) => Eventfd.adopt(fd),
  },
  {
    name: "Pidfd",
    distinct: false,
    once: true,
    open(options) {
      // No child of this process, so that Bun has no descriptor of it.
      const orphan = new Orphan();
      try {
        const source = new Pidfd(orphan.pid, options);
        return {
          source,
          fire: () => orphan.end(),
          [Symbol.dispose]() {
            source.close();
            orphan.end();
          },
        };
      } catch (error) {
        orphan.end();
        throw error;
      }
    },
    adopt: (fd) => Pidfd.adopt(fd),
  },
  {
    name: "Signalfd",
    distinct: true,
    open(options) {
      const signo = unusedSignal();
      const source = new Signalfd(signo, options);
      signals.add(signo);
      return {
        source,
        fire: () => sigqueue(process.pid, signo, 1),
        [Symbol.dispose]() {
          source.close();
          signals.delete(signo);
        },
      };
    },
  },
  {
    name: "Timerfd",
    distinct: false,
    open(options) {
      const source = new Timerfd(options);
      return {
        source,
        fire() {
          source.set({ delay: 0 });
          // At once is some microseconds later.
          poll([{ fd: source, events: POLL.IN }], -1);
        },
        [Symbol.dispose]: () => source.close(),
      };
    },
    adopt: (fd) => Timerfd.adopt(fd),
  },
  {
    name: "Pressure",
    distinct: false,
    silent: true,
    skip: !existsSync("/proc/pressure/cpu")
      ? "a kernel without pressure stall information"
      : kernel(6, 4) || can("CAP_SYS_RESOURCE")
        ? undefined
        : "needs Linux 6.4 or CAP_SYS_RESOURCE",
    open(options) {
      const source = new Pressure("cpu", { ...options, stall: 2000 });
      return { source, fire() {}, [Symbol.dispose]: () => source.close() };
    },
  },
];
