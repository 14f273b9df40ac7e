/** What is measured: pressure, how late timers are, descriptors, queues. */
import { readdirSync, readFileSync } from "node:fs";

import { type Fanotify, OSError, Pressure, Timerfd, type Watcher } from "bun-butter";
import { ioctl_fionread } from "bun-butter/syscalls";

import type { Hub } from "../hub.ts";
import type { Sample, Use } from "../wire.ts";

/** Milliseconds between ticks of the timers that are compared. */
const TICK = 100;

/** Ticks of a sample: half a second. */
const TICKS = 5;

/** Two minutes. */
const KEPT = 240;

/** Bytes of a typical record in a queue of the kernel, which tells bytes only. */
const RECORD = { inotify: 32, fanotify: 72 } as const;

const RESOURCES = ["cpu", "memory", "io"] as const;

export class Samples implements Disposable {
  /** The latest ones. */
  readonly kept: Sample[] = [];
  readonly #hub: Hub;
  readonly #watcher: Watcher;
  readonly #fanotify: Fanotify | undefined;
  readonly #keeps: number;
  readonly #timer: Timerfd;
  readonly #interval: NodeJS.Timeout;
  readonly #began = performance.now();
  #intervalTicks = 0;
  readonly #late = { timerfd: 0, interval: 0 };
  /** Milliseconds that tasks had waited by the last sample. */
  readonly #waited: Partial<Record<(typeof RESOURCES)[number], number>> = {};
  #sampled = this.#began;
  #problem: string | undefined;

  /** @param keeps How many events the hub keeps. */
  constructor(hub: Hub, watcher: Watcher, fanotify: Fanotify | undefined, keeps: number) {
    this.#hub = hub;
    this.#watcher = watcher;
    this.#fanotify = fanotify;
    this.#keeps = keeps;
    this.#timer = Timerfd.every(TICK);
    this.#interval = setInterval(() => {
      this.#intervalTicks++;
      this.#late.interval = this.#lateness(this.#intervalTicks);
    }, TICK);
    this.#pressure(0);
  }

  /** Measures until it is disposed. */
  async run(): Promise<void> {
    let ticks = 0;
    let due = TICKS;
    for await (const { expirations } of this.#timer) {
      ticks += expirations;
      this.#late.timerfd = this.#lateness(ticks);
      if (ticks < due) continue;
      due = ticks + TICKS;
      // It came before the end, and is looked at after it.
      if (this.#timer.closed) return;
      try {
        const sample = this.#sample();
        this.kept.push(sample);
        if (this.kept.length > KEPT) this.kept.shift();
        this.#hub.publish(sample);
        this.#problem = undefined;
      } catch (error) {
        this.#cannot(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** Says once that there is nothing to be had now: with no descriptor left, for one. */
  #cannot(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#hub.publish({
      type: "notice",
      time: Date.now(),
      text: `Nothing is measured: ${problem}`,
    });
  }

  [Symbol.dispose](): void {
    this.#timer.close();
    clearInterval(this.#interval);
  }

  #lateness(ticks: number): number {
    return rounded(performance.now() - this.#began - ticks * TICK);
  }

  #sample(): Sample {
    const now = performance.now();
    const pressure = this.#pressure(now - this.#sampled);
    this.#sampled = now;
    const { events, kept, clients, behind, dropped } = this.#hub.state;
    const { backend, directories, limit } = this.#watcher.watched;
    return {
      type: "sample",
      time: Date.now(),
      pressure,
      late: { ...this.#late },
      descriptors: descriptors(),
      watches: { used: directories, ...(limit !== Infinity && { limit }) },
      queues: {
        changes: queueOf(this.#watcher, backend),
        ...(this.#fanotify && { touches: queueOf(this.#fanotify, "fanotify") }),
      },
      log: { used: kept, limit: this.#keeps },
      events,
      clients,
      behind,
      dropped,
      memory: process.memoryUsage.rss(),
    };
  }

  /** Percent of these milliseconds. */
  #pressure(elapsed: number): Sample["pressure"] {
    const pressure: Partial<Record<(typeof RESOURCES)[number], number>> = {};
    for (const resource of RESOURCES) {
      try {
        const { total } = Pressure.read(resource).some;
        const waited = total - (this.#waited[resource] ?? total);
        this.#waited[resource] = total;
        pressure[resource] = elapsed === 0 ? 0 : rounded(Math.min(100, (100 * waited) / elapsed));
      } catch (error) {
        // This kernel doesn't tell, or not us.
        if (!(error instanceof OSError)) throw error;
      }
    }
    return pressure;
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** How full the kernel's queue of a source is. */
function queueOf(source: Watcher | Fanotify, kind: keyof typeof RECORD): Use {
  const used = Math.ceil(ioctl_fionread(source) / RECORD[kind]);
  const limit = Number(readFileSync(`/proc/sys/fs/${kind}/max_queued_events`, "utf8"));
  return { used, limit };
}

/** Of this process. */
function descriptors(): Use {
  // One is what reads the directory.
  const used = readdirSync("/proc/self/fd").length - 1;
  const limit = Number(
    /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? NaN,
  );
  return Number.isNaN(limit) ? { used } : { used, limit };
}
