/**
 * Keeps the works of a watcher going: when the kernel is read, and directories, and when what they make of it is told.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { type Batch, lendBuffer, LONGEST_RECORD, readBuffer } from "../events/intake.ts";
import type { PathLike, Pinned } from "../libc.ts";
import { ioctl_fionread } from "../syscalls/fd.ts";
import { Awake } from "./awake.ts";
import type { Choice } from "./backend/choose.ts";
import { type GivenPath, resolvePath } from "./disk/resolve.ts";
import type { Engine } from "./engine/engine.ts";
import { HOLD } from "./engine/moves.ts";
import type { WatchEvent } from "./event.ts";
import { checkGlobs } from "./ignore/ignore.ts";
import { needsTree, type Settings } from "./options.ts";
import { MOST_UNREAD, Pace, SHORT, SLICE } from "./pace.ts";
import { processors } from "./processors.ts";
import { type Watched, watchedOf } from "./watched.ts";
import { begin, type Works, worksOf } from "./works.ts";

/** Bytes of some four of inotify's records: what a file that is saved makes of events is no burst, and worth a wake-up of its own. */
const LONE = 128;

/** How many times as long a record of fanotify is with its names, at most: some kernels count without them what there is to read. */
const MOST_LONGER = 48;

/** Steps of the first slice, however slow the machine is at the moment: some four directories are watched at once. */
const SMALL = 8;

/** Milliseconds of the first slice, if nobody waits for it. */
const BRIEF = 1;

/** Bytes that are read for one turn of the event loop, of which inotify makes some five hundred events. */
const PORTION = 16 * 1024;

/** How often what happens in new directories is read at once. */
const TURNS = 16;

/** Whose events they are. */
export interface Source {
  /** -1 once it is closed. */
  readonly fd: number;
  readonly closed: boolean;
  /** Events in its queue. */
  readonly queued: number;
  /** @throws If it is closed. */
  fileno(): number;
}

/** Drives the engine of one watcher. */
export class Driver {
  readonly #source: Source;
  readonly #put: (events: readonly WatchEvent[]) => void;
  readonly #settings: Settings;
  readonly #anchors: readonly GivenPath[];
  readonly #choice: Choice;
  /** Whether what happens is told before the tree is read. */
  readonly #isEarly: boolean;
  /** If they are made already. */
  #made: Works | undefined;
  readonly #ready = Promise.withResolvers<void>();
  readonly #indexed = Promise.withResolvers<void>();
  readonly #pace: Pace;
  /** Unless who reads says himself how long it is to be awake. */
  readonly #awake: Awake | undefined;
  /** Whether events were read that can't be told yet. */
  #isHeldUp = false;
  /** Whether functions that ignore may be asked. */
  #isAsking = false;
  /** What a signal closed the source with. */
  #reason: { readonly error: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When what is gathered is told. */
  #batchDue: number | undefined;
  /** Until the next comparison with the disk. */
  #poll: NodeJS.Timeout | undefined;

  /** @param put Puts events into the queue of the source. */
  constructor(
    source: Source,
    put: (events: readonly WatchEvent[]) => void,
    settings: Settings,
    anchors: readonly GivenPath[],
    choice: Choice,
  ) {
    this.#source = source;
    this.#put = put;
    this.#settings = settings;
    this.#anchors = anchors;
    this.#choice = choice;
    this.#awake = settings.busyPoll === undefined ? new Awake(processors) : undefined;
    this.#isEarly = choice.isWhole && !needsTree(settings);
    this.#pace = new Pace(this.#slice, () => ({
      queued: source.queued,
      gathered: this.#made?.teller.size ?? 0,
      held: this.#made?.teller.held ?? 0,
    }));
    // Nobody need wait for them.
    this.#ready.promise.catch(() => {});
    this.#indexed.promise.catch(() => {});
  }

  /** Begins to watch, and reads as much as can be waited for. */
  start(): void {
    if (this.#isEarly && this.#choice.start !== undefined) this.#pace.begin();
    else this.#beginNow();
    if (this.#isEarly) this.#ready.resolve();
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get indexed(): Promise<void> {
    return this.#indexed.promise;
  }

  get watched(): Watched {
    // A small tree is known whenever somebody asks.
    if (this.#made === undefined && !this.#source.closed) this.#scan(SMALL, BRIEF);
    return watchedOf(this.#works, this.#choice.reason);
  }

  add(path: PathLike): void {
    this.#assertOpen("add()");
    this.#assertFree("add()");
    this.#catchUp();
    const anchor = resolvePath(path);
    checkGlobs(this.#settings.ignore, [anchor]);
    this.#engine.directories.watches.limits.forgive();
    this.#ask(() => begin(this.#works, anchor, this.#settings));
    this.#scan();
    this.#push(this.#take());
  }

  remove(path: PathLike): boolean {
    this.#assertOpen("remove()");
    this.#assertFree("remove()");
    this.#catchUp();
    const wasWatched = this.#ask(() => this.#engine.roots.remove(resolvePath(path)));
    this.#scan();
    this.#push(this.#take());
    return wasWatched;
  }

  async sync(): Promise<void> {
    this.#assertOpen("sync()");
    // A function that ignores may want to know.
    if (this.#isAsking) await new Promise<void>((resolve) => setImmediate(resolve));
    this.#assertGoesOn("sync()");
    this.#engine.directories.watches.limits.retry(Infinity);
    // What the kernel tells is told first: what is on the disk is later.
    let isCompared = this.#settings.poll === 0;
    for (;;) {
      this.#assertGoesOn("sync()");
      const { events, more, after } = this.receive();
      this.#push(events);
      after?.();
      // A function that ignores may have closed it.
      this.#assertGoesOn("sync()");
      const { directories } = this.#engine;
      if (more === false && !isCompared) {
        isCompared = true;
        this.#engine.compare();
      } else if (more === false && directories.scanner.idle && !this.#engine.isUnsettled) {
        // Both halves of a rename come at once: what has no other half by now left for somewhere else.
        const isDone = this.#engine.expire(Infinity, performance.now() + SLICE);
        if (isDone && !this.#engine.isBusy) {
          this.#works.teller.release(Infinity);
          this.#push(this.#works.teller.take());
          return;
        }
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Looks once, as a source does. */
  receive(whole: boolean = false): Batch<WatchEvent> {
    // A function that ignores wants to know: it comes after what that is asked about.
    if (this.#isAsking) return { events: [], more: "later" };
    return this.#ask(() => lendBuffer((buffer) => this.#receive(buffer, whole)));
  }

  /** The source is closed, or was behind our back. */
  end(reason?: { readonly error: unknown }): void {
    this.#reason = reason;
    this.#made?.engine[Symbol.dispose]();
    this.#pace[Symbol.dispose]();
    clearTimeout(this.#timer);
    clearTimeout(this.#poll);
    this.#timer = this.#poll = undefined;
    this.#ready.reject(this.#whyClosed("ready"));
    this.#indexed.reject(this.#whyClosed("indexed"));
  }

  get #works(): Works {
    return this.#made ?? this.#make();
  }

  get #engine(): Engine {
    return this.#works.engine;
  }

  /** Makes what makes events, and watches the paths. */
  #make(): Works {
    const works = worksOf(this.#settings, this.#choice, this.#isEarly);
    this.#made = works;
    if (this.#source.closed) works.engine[Symbol.dispose]();
    works.engine.begin(this.#choice.start, () => {
      // What is above comes first, so that what is below it is not watched twice.
      for (const anchor of this.#anchors.toSorted((a, b) => a.real.length - b.real.length))
        begin(works, anchor, this.#settings);
    });
    return works;
  }

  /** Makes it before anything else happens, and reads as much as can be waited for. */
  #beginNow(): void {
    this.#make();
    this.#scan(SMALL, this.#isEarly ? BRIEF : SLICE);
    if (!this.#pace.isReady) this.#engine.directories.watches.trustPaths();
    this.#push(this.#take());
  }

  #push(events: readonly WatchEvent[]): void {
    const { queued } = this.#source;
    this.#put(events);
    this.#pace.pushed(queued, events.length, this.#source.queued);
  }

  #receive(buffer: Pinned, whole: boolean): Batch<WatchEvent> {
    const { backend, engine } = this.#works;
    const { bound } = engine.directories.watches;
    // It goes on in a moment: one slice is enough for one turn of the event loop.
    const isGoingOn = this.#isHeldUp || engine.isUnfinished;
    const isSoon = isGoingOn && this.#pace.isComing && !whole;
    if (isSoon) return { events: this.#take(), more: "later" };
    const wasHeldUp = this.#isHeldUp || engine.isBusy;
    const slice = this.#pace.isComing ? SHORT : SLICE;
    const limit = performance.now() + slice;
    const end = whole ? Infinity : limit;
    const most = whole ? buffer.byteLength : PORTION;
    engine.goOn(limit);
    if (engine.isBusy) return { events: this.#take(), more: "later" };
    if (engine.isBehind) engine.lookBack();
    let began: number;
    let length: number;
    let turns = 0;
    do {
      began = Date.now();
      length = backend.read(buffer, most);
      length = backend.follow(buffer, length, engine, most);
      this.#isHeldUp = !backend.decode(buffer, length, engine, end);
    } while (engine.handed() && !engine.isBusy && ++turns < TURNS && performance.now() < end);
    // What came while that was told is still to be read.
    const isNext = wasHeldUp && length === 0 && ioctl_fionread(this.#source) > 0;
    const isMore = this.#isHeldUp || isNext || length > most - LONGEST_RECORD;
    if (!isMore && !engine.isBusy) backend.emptied(engine);
    if (!isMore && !engine.isBusy) engine.emptied(began, length === 0 && !wasHeldUp, end);
    const { scanner, watches } = engine.directories;
    if (watches.limits.retryAt !== Infinity) watches.limits.retry(performance.now());
    // In a new directory things happen that nothing tells of until it is watched: the next one is not to wait.
    const burst = scanner.idle && length > LONE;
    // What was told took some of the time.
    this.#scan(0, Math.max(SHORT, limit - performance.now()));
    const events = this.#take();
    // What happens in a new directory before that is watched is told by nothing.
    const isBlind = this.#pace.isReady && backend.name === "inotify";
    const isDirectory = isBlind && (watches.bound > bound || events.some(isMadeDirectory));
    const found = { isAnything: isDirectory || events.length > 0, isDirectory, isBurst: burst };
    // Who wants the whole looks again at once.
    const isLeft = isMore || engine.isUnfinished;
    const isLater = engine.isBusy || (isLeft && !whole);
    const more = isLater ? "later" : isMore;
    return {
      events,
      more,
      burst,
      awakeUntil: this.#awake?.after(found, performance.now()),
      after: engine.isBehind ? this.#after : undefined,
    };
  }

  #assertOpen(by: string): void {
    if (this.#source.closed) throw closedError(by);
  }

  /** The same of what has begun: it ends as reads that are pending do. */
  #assertGoesOn(by: string): void {
    if (this.#source.closed) throw this.#whyClosed(by);
  }

  #whyClosed(by: string): unknown {
    return this.#reason === undefined ? closedError(by) : this.#reason.error;
  }

  /** What is watched stays as it is while a function is asked what of it is left out. */
  #assertFree(by: string): void {
    if (!this.#isAsking) return;
    const hint =
      "a function that ignores is asked at the moment: queueMicrotask() does it afterwards";
    throw new ValueError(ERRNO.EBUSY[0], { syscall: by, path: "Watcher", hint });
  }

  /** Reads what has happened by now: what is watched then is not what it was about. */
  #catchUp(): void {
    const { scanner } = this.#engine.directories;
    const wasIdle = scanner.idle;
    // No more than there is: somebody may be faster than this.
    let left = ioctl_fionread(this.#source) * MOST_LONGER;
    // What was read before that is told without a look at the descriptor.
    if (this.#isHeldUp) left += readBuffer().byteLength;
    let isAll = false;
    for (
      ;
      !isAll && (left >= 0 || this.#engine.isBusy);
      left -= readBuffer().byteLength - LONGEST_RECORD
    ) {
      this.#engine.goOn(Infinity);
      const { events, more } = this.receive(true);
      this.#push(events);
      // A function that ignores may have closed it.
      this.#source.fileno();
      isAll = more === false;
    }
    if (!isAll) return;
    this.#ask(() => {
      if (wasIdle) this.#toTheEnd(() => this.#engine.read(Infinity));
      this.#engine.settle();
    });
    // Both halves of a rename come at once.
    this.#toTheEnd(() => void this.#engine.expire(Infinity));
  }

  /** Does what stops as soon as something leaves that has very much in it. */
  #toTheEnd(work: () => void): void {
    for (work(); this.#engine.isBusy; work()) this.#engine.goOn(Infinity);
  }

  /** Does what may ask functions that ignore. */
  #ask<T>(work: () => T): T {
    const wasAsking = this.#isAsking;
    this.#isAsking = true;
    try {
      return work();
    } finally {
      this.#isAsking = wasAsking;
    }
  }

  /** Reads directories for a while; if some are left, again in a later turn of the event loop. */
  #scan(least: number = 0, time: number = SLICE): void {
    const { scanner } = this.#engine.directories;
    this.#ask(() => {
      if (!scanner.idle && !this.#isHeldUp) this.#engine.read(performance.now() + time, least);
      if (!this.#engine.isBusy && !this.#isHeldUp) this.#engine.settle();
    });
    const isHeldUp = this.#isHeldUp || this.#engine.isBusy;
    // All of what was read of directories is what has been told: nothing can be older.
    const isFresh = this.#engine.isFresh && !isHeldUp && !this.#source.closed;
    if (isFresh && (this.#engine.isCaughtUp || ioctl_fionread(this.#source) === 0))
      this.#engine.caughtUp();
    if (!scanner.idle || isHeldUp) {
      if (!this.#source.closed) this.#pace.later();
      return;
    }
    if (this.#settings.poll > 0) this.#pollLater();
    if (this.#pace.isReady) return;
    this.#pace.isReady = true;
    this.#engine.directories.watches.trust.end();
    this.#ready.resolve();
    this.#indexed.resolve();
  }

  readonly #slice = (): void => {
    // It was closed behind our back.
    if (this.#source.closed) return this.end();
    if (this.#isHeldUp || this.#engine.isBusy || this.#engine.isUnfinished) {
      this.#readOn();
      return;
    }
    this.#scan();
    this.#push(this.#take());
  };

  /** What was read is told before more is read of directories, also if nobody reads it. @returns Whether something is left. */
  #readOn(): boolean {
    try {
      const { events, more, after } = this.receive();
      this.#push(events);
      after?.();
      return more !== false;
    } catch {
      // Whoever reads next hears of it.
      return false;
    }
  }

  /** Compares with the disk when the time has come, and when who reads has caught up. It does not hold the process: a pending read does. */
  #pollLater(time: number = this.#settings.poll, unread?: number): void {
    if (this.#poll !== undefined || this.#source.closed) return;
    // Who forgets to close it is not to be kept by a timer that comes again and again.
    const weak = new WeakRef(this);
    this.#poll = setTimeout(() => {
      const watcher = weak.deref();
      if (watcher !== undefined) watcher.#compare(unread);
    }, time);
    this.#poll.unref();
  }

  /** What is known by now is told first: whoever waits for it goes on one turn of promises later. */
  readonly #after = (): void => queueMicrotask(this.#soonLookBack);

  /** @param unread Bytes that the kernel had when the time had come, and has still: there may be ever more. */
  #compare(unread: number | undefined): void {
    if (this.#source.closed) return this.end();
    const isLate = this.#source.queued >= MOST_UNREAD;
    const left = unread ?? ioctl_fionread(this.#source) * MOST_LONGER;
    // What the kernel tells is told first: what is on the disk is later.
    const isMore = !isLate && this.#readOn();
    this.#poll = undefined;
    if (isLate) return this.#pollLater();
    if (isMore && (left > 0 || this.#engine.isBusy))
      return this.#pollLater(0, left - (PORTION - LONGEST_RECORD));
    if (this.#source.closed) return;
    this.#engine.compare();
    this.#slice();
  }

  readonly #soonLookBack = (): void => queueMicrotask(this.#lookBack);

  readonly #lookBack = (): void => {
    if (this.#source.closed || this.#engine.isBusy || !this.#engine.isBehind) return;
    this.#engine.lookBack();
    this.#push(this.#take());
  };

  /** What is to be told now. The rest is told by a timer. */
  #take(): WatchEvent[] {
    const isHeldUp = this.#isHeldUp || this.#engine.isBusy;
    if ((isHeldUp || this.#engine.isUnfinished) && !this.#source.closed) this.#pace.later();
    // Nothing is held back, and nothing comes by itself: no time is of interest.
    const isPlain = this.#settings.batch === 0 && this.#works.teller.due === Infinity;
    if (
      isPlain &&
      this.#engine.waiting === 0 &&
      !this.#engine.isUnsettled &&
      this.#engine.directories.watches.limits.retryAt === Infinity
    )
      return this.#works.teller.take();
    const now = performance.now();
    if (!isHeldUp) this.#works.teller.release(now);
    const { batch } = this.#settings;
    if (batch > 0 && this.#works.teller.size > 0) this.#batchDue ??= now + batch;
    const isDue = this.#batchDue === undefined || this.#batchDue <= now;
    const events = isDue ? this.#works.teller.take() : [];
    if (isDue) this.#batchDue = undefined;
    this.#arm(now);
    return events;
  }

  /** Waits for what comes by itself: other halves of renames, files that are left alone, batches that are full. It does not hold the process: a pending read does. */
  #arm(now: number): void {
    if (this.#timer !== undefined || this.#source.closed) return;
    const isSettled = this.#engine.waiting === 0 && !this.#engine.isUnsettled;
    const hold = isSettled ? Infinity : now + HOLD;
    const { retryAt } = this.#engine.directories.watches.limits;
    const due = Math.min(hold, retryAt, this.#works.teller.due, this.#batchDue ?? Infinity);
    if (due === Infinity) return;
    this.#tickAfter(Math.max(1, Math.ceil(due - now)));
  }

  #tickAfter(time: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), time);
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#source.closed) return this.end();
    if (this.#source.queued >= MOST_UNREAD) {
      // What it is about comes after those.
      return this.#tickAfter(HOLD);
    }
    const now = performance.now();
    try {
      // Another half, or a further change, may be there already.
      const { events, more, after } = this.receive();
      this.#push(events);
      after?.();
      const isAll = more !== false || this.#engine.expire(now, now + SLICE);
      if (!isAll) this.#tickAfter(1);
    } catch {
      // Whoever reads next hears of it.
      return;
    }
    this.#push(this.#take());
  }
}

function closedError(by: string): ValueError {
  return new ValueError(ERRNO.EBADF[0], { syscall: by, path: "Watcher", hint: "it is closed" });
}

/** Also if it was gone before it was watched: the next one may be so as well. */
function isMadeDirectory({ type, kind }: WatchEvent): boolean {
  return type === "create" && kind === "directory";
}
