/** `turns.ts MILLISECONDS`: how long the turns of an event loop are that has nothing else to do. */
import { now, ran } from "./clock.ts";

/** Nobody notices a shorter stall. */
const STALL = 10;

/** More than any side has. */
const MOST = 2 ** 22;

/** How long the turns of the event loop are, one after another. */
export class Turns {
  /** In ms, and how much of it this thread ran. */
  readonly #times = new Float64Array(MOST);
  readonly #used = new Float64Array(MOST);
  #count = 0;
  #last: number;
  #lastRan: number;
  #next: NodeJS.Immediate;

  constructor() {
    // What is compiled and paged in now is no part of what is measured.
    this.#times.fill(0);
    this.#used.fill(0);
    this.#last = now();
    this.#lastRan = ran();
    this.#next = setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const [at, run] = [now(), ran()];
    this.#times[this.#count] = (at - this.#last) / 1e6;
    this.#used[this.#count] = (run - this.#lastRan) / 1e6;
    this.#count++;
    this.#last = at;
    this.#lastRan = run;
    this.#next = setImmediate(this.#turn);
  };

  /** @returns Quantiles of their lengths in ms, and how many were stalls; the same of what this thread ran of them. */
  end(): Readonly<Record<string, number>> {
    clearImmediate(this.#next);
    const times = this.#times.subarray(0, this.#count).toSorted();
    const used = this.#used.subarray(0, this.#count).toSorted();
    const quantile = (share: number): number =>
      times[Math.floor(share * (times.length - 1))] ?? NaN;
    return {
      p50: quantile(0.5),
      p99: quantile(0.99),
      max: quantile(1),
      stalls: times.filter((time) => time > STALL).length,
      ran: used.at(-1) ?? NaN,
      own: used.filter((time) => time > STALL).length,
    };
  }
}

if (import.meta.main) {
  const turns = new Turns();
  await Bun.sleep(Number(process.argv[2]));
  console.log(JSON.stringify(turns.end()));
  process.exit();
}
