/**
 * A record of what happens in a tree.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { deadline } from "../events/deadline.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { described } from "../libc.ts";
import type { WatchEvent } from "../watch/event.ts";
import type { WatchOptions } from "../watch/options.ts";
import { watch } from "../watch/watch.ts";
import type { Watcher } from "../watch/watcher.ts";
import {
  type EmittedEvent,
  type EmittedPath,
  type EmittedType,
  listOf,
  matcherOf,
  wantedText,
} from "./emitted.ts";

/** Options of {@linkcode record}: what is told of, as `watch()` takes it. */
export interface RecordOptions extends Pick<
  WatchOptions,
  | "depth"
  | "followSymlinks"
  | "gitignore"
  | "ignore"
  | "modify"
  | "mustExist"
  | "recursive"
  | "stat"
> {
  /**
   * Milliseconds after which {@linkcode Recorder.next} gives up. `bun test` itself gives up on a test after 5 s, and does not
   * say what did happen.
   *
   * @default 4000
   */
  readonly timeout?: number;
}

const optionNames: OptionNames<RecordOptions> = {
  depth: true,
  followSymlinks: true,
  gitignore: true,
  ignore: true,
  modify: true,
  mustExist: true,
  recursive: true,
  stat: true,
  timeout: true,
};

/** Options of {@linkcode Recorder.next}. */
export interface NextOptions {
  /**
   * Milliseconds.
   *
   * @default That of {@linkcode record}.
   */
  readonly timeout?: number;
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal;
}

const nextNames: OptionNames<NextOptions> = { timeout: true, signal: true };

/** Somebody who waits for an event. */
interface Waiter {
  matches(event: WatchEvent): boolean;
  resolve(event: WatchEvent): void;
  reject(error: unknown): void;
}

/** Milliseconds. */
const TIMEOUT = 4000;

/** A record of what happens in a tree: see {@linkcode record}. Paths are relative to the tree, whose own is `"."`. */
export class Recorder implements AsyncDisposable, Disposable {
  readonly #watcher: Watcher;
  readonly #timeout: number;
  /** How much of a path is the tree's own. */
  readonly #prefix: string;
  readonly #events: WatchEvent[] = [];
  /** Events that `next()` has not returned. */
  #fresh: WatchEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  /** What wakes the record, and what ends that. */
  #reading: { readonly events: Promise<WatchEvent[]>; readonly end: AbortController } | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** What {@linkcode record} does, but for the wait until all of the tree is watched. */
  constructor(path: string, options: RecordOptions = {}) {
    checkNames(options, optionNames);
    const { timeout = TIMEOUT, ...watched } = options;
    deadline({ timeout }, "record()", false, noop, noop)[Symbol.dispose]();
    if (typeof path !== "string")
      throw new TypeError(`Cannot take path: expected a string, got ${described(path)}`);
    this.#timeout = timeout;
    // Not what privilege chooses: a test has the same events for everybody.
    this.#watcher = watch(path, { ...watched, backend: "inotify" });
    const [root = path] = this.#watcher.watched.paths;
    this.#prefix = root.endsWith("/") ? root : `${root}/`;
    this.#listen();
    this.#watcher.ready.then(
      () => this.#relax(),
      () => {},
    );
  }

  /** Resolves when all of the tree is watched. */
  get ready(): Promise<void> {
    return this.#watcher.ready;
  }

  /**
   * All events so far, oldest first. What this process did before is among them, and what others did that the kernel has told; but what was
   * moved out of the tree and what came with whole directories may still follow, which {@linkcode quiet} waits for.
   */
  get events(): readonly WatchEvent[] {
    this.#collect();
    return [...this.#events];
  }

  /**
   * Waits for an event, and returns each only once: the oldest that matches and was not returned before, whether it is there
   * already or still comes.
   *
   * @param type Such as `"create"`.
   * @param path Within the tree; any path if it is left out. Of a `"rename"` it is the new one.
   * @throws {Error} Named `"TimeoutError"`: it didn't come in time. The message says what did.
   * @throws {ValueError} `EBADF`: closed, or was while waiting.
   */
  async next<Type extends EmittedType>(
    type: Type,
    path?: EmittedPath,
    options: NextOptions = {},
  ): Promise<EmittedEvent<Type>> {
    checkNames(options, nextNames);
    const matches = matcherOf(type, path);
    this.#assertOpen("next()");
    this.#collect();
    const event = this.#take(matches) ?? (await this.#wait(matches, type, path, options));
    return event as EmittedEvent<Type>;
  }

  /**
   * Waits until all that happened before the call is told: nothing of it will be among later events. It takes no
   * time to pass: the kernel says that no event is left. When a program says that it is done, or has exited, it
   * has.
   *
   * @returns All events so far, as {@linkcode events}.
   * @throws {ValueError} `EBADF`: closed, or was while waiting.
   */
  async quiet(): Promise<readonly WatchEvent[]> {
    this.#assertOpen("quiet()");
    await this.#watcher.sync();
    this.#collect();
    this.#assertOpen("quiet()");
    return [...this.#events];
  }

  /**
   * Runs a function, and waits for what it returns.
   *
   * @returns The events of what happened meanwhile, and nothing from before or after.
   * @throws What the function throws.
   */
  async during(fn: () => unknown): Promise<readonly WatchEvent[]> {
    const { length } = await this.quiet();
    await fn();
    return (await this.quiet()).slice(length);
  }

  /** Ends the record: who waits is told so. What was recorded stays. Twice is nothing. */
  close(): void {
    this.#end();
    this.#watcher.close();
  }

  /** Does what {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Does what {@linkcode close} does, but the event loop goes on meanwhile. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#watcher[Symbol.asyncDispose]();
  }

  /** Waits for a read, which may be ended and begun again by whoever wants to know what is there now. */
  #listen(): void {
    const end = new AbortController();
    const events = this.#watcher.readEvents({ signal: end.signal });
    const reading = { events, end };
    this.#reading = reading;
    const settled = (): void => {
      if (this.#reading === reading) this.#collect();
    };
    events.then(settled, settled);
  }

  /** Takes all that is there, in order, without a turn of the event loop. */
  #collect(): void {
    const { closed } = this.#watcher;
    if (closed || this.#failure !== undefined) return;
    const reading = this.#reading;
    this.#reading = undefined;
    try {
      // What it has brought already comes first; its own callback is still to be called.
      if (reading !== undefined && Bun.peek.status(reading.events) === "pending")
        reading.end.abort();
      else if (reading !== undefined) this.#add(resultOf(reading.events));
      this.#add(this.#watcher.readEventsSync());
      this.#listen();
    } catch (error) {
      this.#fail(error);
    }
  }

  #add(events: readonly WatchEvent[]): void {
    for (const event of events) {
      const told = this.#relative(event);
      this.#events.push(told);
      const waiter = this.#waiters.values().find(({ matches }) => matches(told));
      if (waiter === undefined) this.#fresh.push(told);
      else waiter.resolve(told);
    }
  }

  #relative(event: WatchEvent): WatchEvent {
    if (event.type === "overflow") return event;
    const bytes = (whole: Uint8Array): Uint8Array =>
      whole.subarray(Buffer.byteLength(this.#prefix));
    return {
      ...event,
      path: this.#below(event.path),
      ...(event.pathBytes && { pathBytes: bytes(event.pathBytes) }),
      ...(event.type === "rename" && { from: this.#below(event.from) }),
      ...(event.type === "rename" && event.fromBytes && { fromBytes: bytes(event.fromBytes) }),
    };
  }

  #below(path: string): string {
    return path.startsWith(this.#prefix) ? path.slice(this.#prefix.length) || "." : ".";
  }

  #take(matches: (event: WatchEvent) => boolean): WatchEvent | undefined {
    const at = this.#fresh.findIndex(matches);
    return at === -1 ? undefined : this.#fresh.splice(at, 1)[0];
  }

  #wait(
    matches: (event: WatchEvent) => boolean,
    type: EmittedType,
    path: EmittedPath | undefined,
    options: NextOptions,
  ): Promise<WatchEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<WatchEvent>();
    const { timeout = this.#timeout, signal } = options;
    // Made here, so that it shows the call.
    const late = new Error();
    Error.captureStackTrace(late, Recorder.prototype.next);
    const limit = deadline(
      { timeout, ...(signal && { signal }) },
      "next() on Recorder",
      true,
      (reason) => waiter.reject(reason),
      () => void this.#late(waiter, late, `${wantedText(type, path)} within ${timeout} ms`),
    );
    const end = (): void => {
      limit[Symbol.dispose]();
      this.#waiters.delete(waiter);
      this.#relax();
    };
    const waiter: Waiter = {
      matches,
      resolve(event) {
        end();
        resolve(event);
      },
      reject(error) {
        end();
        reject(error);
      },
    };
    this.#waiters.add(waiter);
    this.#watcher.ref();
    return promise;
  }

  /** A record keeps no process alive; who waits for it does. */
  #relax(): void {
    if (this.#waiters.size === 0) this.#watcher.unref();
  }

  /** The event loop may have been busy for longer than the time-out while events came. */
  async #late(waiter: Waiter, late: Error, what: string): Promise<void> {
    try {
      const events = await this.quiet();
      late.name = "TimeoutError";
      late.message = `Cannot next() on Recorder: nothing told of ${what}, and ${listOf(events)}`;
      waiter.reject(late);
    } catch (error) {
      waiter.reject(error);
    }
  }

  #end(): void {
    // What happened until now is part of the record.
    this.#collect();
    this.#reading = undefined;
    this.#failure ??= { error: closedError("next()") };
    for (const waiter of this.#waiters) waiter.reject(this.#failure.error);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #assertOpen(by: string): void {
    if (this.#watcher.closed) throw closedError(by);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** What a promise that has settled holds. */
function resultOf(promise: Promise<WatchEvent[]>): readonly WatchEvent[] {
  const result = Bun.peek(promise);
  if (Bun.peek.status(promise) === "rejected") throw result;
  return result as WatchEvent[];
}

function closedError(by: string): ValueError {
  return new ValueError(ERRNO.EBADF[0], {
    syscall: by,
    path: "Recorder",
    hint: "it is closed",
  });
}

function noop(): void {}

/**
 * Records what happens in a directory and all that is below it, from when it resolves on.
 *
 * It is `watch()`, read all the time. No sleep is needed: what this process did is told at once, and what a program did
 * is told when that has exited or has said so. What is put into a directory right after that was made is told as created, and it
 * depends on the moment whether its changes are told as well.
 *
 * @throws {TypeError} The path is no text.
 * @throws {ValueError} `ENOENT`: it is not there.
 * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit.
 *
 * @example
 * ```ts
 * import { record, tempTree } from "bun-butter/testing";
 *
 * await using dir = await tempTree({ "in.txt": "hello" });
 * await using rec = await record(dir.path);
 * const program = Bun.spawn(["cp", "in.txt", "out.txt"], { cwd: dir.path });
 * console.log((await rec.next("create", "out.txt")).kind); // file
 * await program.exited;
 * await rec.quiet();
 * console.log(rec.events.map(({ type, path }) => `${type} ${path}`)); // [ "create out.txt", "change out.txt" ]
 * ```
 */
export async function record(path: string, options: RecordOptions = {}): Promise<Recorder> {
  const recorder = new Recorder(path, options);
  try {
    await recorder.ready;
    return recorder;
  } catch (error) {
    recorder.close();
    throw error;
  }
}
