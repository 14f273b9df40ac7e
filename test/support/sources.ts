/** Every source of events, for the tests that hold for all of them. A new source is a new row. */
import { writeFileSync } from "node:fs";

import {
  Eventfd,
  type EventSource,
  type EventSourceOptions,
  IN,
  Inotify,
  Timerfd,
} from "bun-butter";
import { POLL, poll } from "bun-butter/syscalls";

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
    name: "Eventfd",
    distinct: false,
    open(options) {
      const source = new Eventfd(options);
      return { source, fire: () => source.add(), [Symbol.dispose]: () => source.close() };
    },
    adopt: (fd) => Eventfd.adopt(fd),
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
];
