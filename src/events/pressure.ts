/**
 * Stalls as events: tasks wait for the processor, for memory, or for I/O, longer than is acceptable:
 * {@link https://docs.kernel.org/accounting/psi.html | psi}.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { described, type PathLike, pathText } from "../libc.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { close, O } from "../syscalls/fd.ts";
import { psi_read, type PsiKind, type PsiLine } from "../syscalls/psi.ts";
import { checkOptions, EventSource, type EventSourceOptions, sourceNames } from "./event-source.ts";
import type { Batch } from "./intake.ts";
import { checkBoolean, checkNames, type OptionNames } from "./options.ts";
import { openPressure, Trigger } from "./pressure-trigger.ts";

/** What tasks can wait for. */
export type PressureResource = "cpu" | "memory" | "io";

/** Whose pressure. */
export interface PressureScope {
  /**
   * The directory of a cgroup (version 2): `"/sys/fs/cgroup/system.slice"`.
   *
   * @default The whole system's.
   */
  readonly cgroup?: PathLike;
}

/** Options of {@linkcode Pressure}. */
export interface PressureOptions extends EventSourceOptions, PressureScope {
  /**
   * Counts only when all tasks wait at once, and not already when one does.
   *
   * @default false
   */
  readonly full?: boolean;
  /**
   * Milliseconds of waiting within the window that make an event.
   *
   * @default 200
   */
  readonly stall?: number;
  /**
   * Milliseconds, 10,000 at most. Without `CAP_SYS_RESOURCE` a multiple of 2,000. There is one event a
   * window at most.
   *
   * @default 2000
   */
  readonly window?: number;
}

const scopeNames: OptionNames<PressureScope> = { cgroup: true };

const optionNames: OptionNames<PressureOptions> = {
  ...sourceNames,
  ...scopeNames,
  full: true,
  stall: true,
  window: true,
};

/** How much tasks waited. */
export interface PressureAverages {
  /** Percent of the last 10 s. */
  readonly avg10: number;
  /** Percent of the last 60 s. */
  readonly avg60: number;
  /** Percent of the last 300 s. */
  readonly avg300: number;
  /** Milliseconds since the start of the system, or of the cgroup. */
  readonly total: number;
}

/** The pressure on one resource now. */
export interface PressureReading {
  /** When at least one task waited. */
  readonly some: PressureAverages;
  /** When all tasks waited at once. Before Linux 5.13 there is none for the processor. */
  readonly full: PressureAverages | undefined;
}

/** Tasks waited too long. The averages are those at the time when it is read. */
export interface PressureEvent extends PressureAverages {
  readonly resource: PressureResource;
  readonly kind: PsiKind;
}

const RESOURCES: readonly PressureResource[] = ["cpu", "memory", "io"];

const LONGEST_WINDOW = 10_000;

/**
 * Tells when tasks have waited for a resource for longer than `stall` within `window`, once for each
 * window in which they do.
 *
 * Events that nobody reads merge into one. When the cgroup is removed, reading is over: a loop ends by itself.
 *
 * @example
 * ```ts linux-6.4 /proc/pressure/memory
 * import { Pressure } from "bun-butter";
 *
 * const cache = new Map<string, string>();
 * using pressure = new Pressure("memory", { stall: 100 });
 * const shed = async () => {
 *   for await (const { avg10 } of pressure) {
 *     console.log(`memory is short: ${avg10} %`);
 *     cache.clear();
 *   }
 * };
 * void shed();
 * console.log(Pressure.read("memory").some.avg10 >= 0); // true
 * ```
 */
export class Pressure extends EventSource<PressureEvent> {
  readonly resource: PressureResource;
  readonly kind: PsiKind;
  /** In milliseconds. */
  readonly stall: number;
  /** In milliseconds. */
  readonly window: number;
  readonly #trigger: Trigger;

  /**
   * Begins to watch.
   *
   * @throws {ValueError} `EINVAL`: a window that takes CAP_SYS_RESOURCE. `ENOENT`: no such cgroup.
   * @throws {PermissionError} `EACCES`: the file may not be written. `EPERM`: before Linux 6.4 it takes CAP_SYS_RESOURCE.
   * @throws {UnsupportedError} `ENOENT`, `EOPNOTSUPP`: this kernel keeps no pressure stall information. `EINVAL`: `full`
   * of the processor before Linux 5.13.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   */
  constructor(resource: PressureResource, options: PressureOptions = {}) {
    checkOptions(options, optionNames);
    const path = pathOf(resource, options.cgroup);
    const { full = false, window = 2000, stall = 200 } = options;
    checkBoolean(full, "full");
    milliseconds(window, "window", LONGEST_WINDOW);
    milliseconds(stall, "stall", window);
    const kind = full ? "full" : "some";
    const trigger = new Trigger(path, kind, stall, window);
    // Taken by the source: what the trigger needs is its own.
    super(trigger.bell, options, EPOLL.IN, trigger);
    this.resource = resource;
    this.kind = kind;
    this.stall = stall;
    this.window = window;
    this.#trigger = trigger;
  }

  /**
   * The pressure now.
   *
   * @throws {ValueError} `ENOENT`: no such cgroup.
   * @throws {UnsupportedError} `ENOENT`, `EOPNOTSUPP`: this kernel keeps no pressure stall information.
   */
  static read(resource: PressureResource, scope: PressureScope = {}): PressureReading {
    checkNames(scope, scopeNames);
    const fd = openPressure(pathOf(resource, scope.cgroup), O.RDONLY);
    try {
      const { some, full } = psi_read(fd);
      return { some: averages(some), full: full === undefined ? undefined : averages(full) };
    } finally {
      close(fd);
    }
  }

  get [Symbol.toStringTag](): string {
    return "Pressure";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { resource, kind, stall, window } = this;
    return { resource, kind, stall, window };
  }

  protected override receive(): Batch<PressureEvent> {
    try {
      this.#trigger.arm();
      const { events } = super.receive();
      // One that could not be armed rings nobody: it is looked at again instead.
      return { events, more: !this.#trigger.armed };
    } catch (error) {
      if (!(error instanceof OSError && error.code === "ENODEV")) throw error;
      return { events: [], more: false, over: true };
    }
  }

  protected decode(): PressureEvent[] {
    const { resource, kind } = this;
    return [{ resource, kind, ...averages(this.#trigger.next()[kind]) }];
  }
}

function pathOf(resource: PressureResource, cgroup: PathLike | undefined): PathLike {
  if (!RESOURCES.includes(resource)) {
    throw new TypeError(
      `Cannot take resource: ${JSON.stringify(resource)} is none of ${RESOURCES.join(", ")}`,
    );
  }
  if (cgroup === undefined) return `/proc/pressure/${resource}`;
  const file = `/${resource}.pressure`;
  // A name that is no text stays the bytes that it is.
  return cgroup instanceof Uint8Array
    ? Buffer.concat([cgroup, Buffer.from(file)])
    : pathText(cgroup) + file;
}

function averages(line: PsiLine | undefined): PressureAverages {
  const { avg10 = 0, avg60 = 0, avg300 = 0, total = 0n } = line ?? {};
  return { avg10, avg60, avg300, total: Number(total) / 1000 };
}

function milliseconds(value: number, name: string, most: number): void {
  if (typeof value !== "number")
    throw new TypeError(`Cannot take ${name}: expected milliseconds, got ${described(value)}`);
  if (!(value >= 0.001 && value <= most)) {
    throw new RangeError(`Cannot take ${name}: ${value} is not between 0.001 and ${most} ms`);
  }
}
