/**
 * Runs a command after each burst of events, never two at a time.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

/** How a {@linkcode Runner} runs its command. */
export interface RunnerOptions {
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** Whether a new burst ends the command that runs, and does not wait for its end. */
  readonly restart: boolean;
  /** Told when the command failed, in one line. */
  readonly report: (text: string) => void;
  /**
   * Milliseconds without an event that end a burst: one save is several events, and one checkout
   * many reads.
   *
   * @default 50
   */
  readonly quiet?: number;
  /**
   * Milliseconds after which a burst is over in any case.
   *
   * @default 1000
   */
  readonly longest?: number;
  /**
   * Milliseconds from SIGTERM to SIGKILL.
   *
   * @default 2000
   */
  readonly grace?: number;
}

/** The paths of one event, for the command's environment: escaped, so that each is one line. */
export type Change = readonly string[];

/** The kernel takes 128 KiB in one variable. */
const PATHS_LIMIT = 100_000;

/** How often a process group is asked whether one of it is left, in milliseconds: no event tells of that. */
const GROUP_INTERVAL = 20;

/** Milliseconds that one which was sent SIGKILL is waited for. */
const DYING = 2000;

/** What a burst adds up to. Its memory is limited: a command may run for hours while events come. */
interface Burst {
  readonly since: number;
  readonly paths: Set<string>;
  bytes: number;
  events: number;
  /** Whether there was more than `paths` has. */
  truncated: boolean;
}

type Child = Bun.Subprocess<"ignore", number, number>;

/** A command, its bursts, and its one child. */
export class Runner {
  readonly #options: Required<RunnerOptions>;
  #burst: Burst | undefined;
  /** Pending while the burst is not over. */
  #timer: NodeJS.Timeout | undefined;
  #child: Child | undefined;
  /** Settles when the child that is being ended is gone, with its group. */
  #ending: Promise<void> | undefined;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: RunnerOptions) {
    this.#options = { quiet: 50, longest: 1000, grace: 2000, ...options };
  }

  /** Tells what changed; the command runs soon after. */
  changed(changes: readonly Change[]): void {
    if (this.#stopped || changes.length === 0) return;
    const now = performance.now();
    this.#burst ??= { since: now, paths: new Set(), bytes: 0, events: 0, truncated: false };
    for (const change of changes) add(this.#burst, change);
    const { quiet, longest } = this.#options;
    clearTimeout(this.#timer);
    const delay = Math.max(0, Math.min(quiet, this.#burst.since + longest - now));
    this.#timer = setTimeout(() => this.#settle(), delay);
  }

  /** Runs the command for what has changed up to now, and resolves when it is over. */
  async finish(): Promise<void> {
    if (this.#timer !== undefined) this.#settle();
    if (this.#child === undefined) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Ends the command with its whole process group, and resolves when it is gone. It does not run again. */
  async stop(): Promise<void> {
    this.#halt();
    if (this.#child !== undefined) await this.#end(this.#child);
  }

  /** Kills the command, now. It does not run again. */
  kill(): void {
    this.#halt();
    if (this.#child !== undefined) signalGroup(this.#child.pid, "SIGKILL");
  }

  #halt(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = this.#burst = undefined;
  }

  /** The burst is over. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#child === undefined) this.#start();
    else if (this.#options.restart) void this.#end(this.#child);
  }

  #start(): void {
    const burst = this.#burst;
    if (burst === undefined || this.#stopped) return;
    this.#burst = undefined;
    const { command, report } = this.#options;
    try {
      const child = Bun.spawn(["/bin/sh", "-c", command], {
        // A session of its own, so that all of it can be signalled; it can't read the terminal then.
        detached: true,
        // What it prints must not end up between the rows that another program reads.
        stdio: ["ignore", 2, 2],
        env: { ...process.env, ...environment(burst) },
      });
      this.#child = child;
      void child.exited.then(() => this.#exited(child));
    } catch (error) {
      report(`Cannot run the command: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #exited(child: Child): Promise<void> {
    if (this.#ending === undefined) this.#complain(child);
    else await this.#ending;
    this.#child = undefined;
    // A burst that is not over yet starts it when it is.
    if (this.#timer === undefined) this.#start();
    // Only after what was started: finish() waits for that as well.
    if (this.#child === undefined && this.#timer === undefined) this.#idle?.();
  }

  #complain({ exitCode, signalCode }: Child): void {
    const { report } = this.#options;
    if (signalCode !== null) report(`the command was ended by ${signalCode}`);
    else if (exitCode !== 0) report(`the command exited with ${exitCode}`);
  }

  #end(child: Child): Promise<void> {
    return (this.#ending ??= endGroup(child, this.#options.grace).finally(() => {
      this.#ending = undefined;
    }));
  }
}

function add(burst: Burst, change: Change): void {
  burst.events++;
  for (const path of change) {
    if (burst.paths.has(path)) continue;
    const bytes = Buffer.byteLength(path) + 1;
    if (burst.bytes + bytes > PATHS_LIMIT) {
      burst.truncated = true;
      return;
    }
    burst.bytes += bytes;
    burst.paths.add(path);
  }
}

function environment({ paths, events, truncated }: Burst): Record<string, string> {
  return {
    BUTTER_PATHS: [...paths].join("\n"),
    BUTTER_EVENTS: `${events}`,
    BUTTER_TRUNCATED: truncated ? "1" : "",
  };
}

/** Asks a child and all of its group to end, and makes them after a while. */
export async function endGroup({ pid, exited }: Child, grace: number): Promise<void> {
  const giveUp = performance.now() + grace;
  const kill = setTimeout(() => signalGroup(pid, "SIGKILL"), grace);
  signalGroup(pid, "SIGTERM");
  // One that was stopped would not notice.
  signalGroup(pid, "SIGCONT");
  await exited;
  await groupGone(pid, giveUp);
  clearTimeout(kill);
  if (!signalGroup(pid, "SIGKILL")) return;
  // That takes a moment, and for ever where a device does not answer.
  await groupGone(pid, performance.now() + DYING);
}

async function groupGone(pgid: number, giveUp: number): Promise<void> {
  while (groupLives(pgid) && performance.now() < giveUp) await Bun.sleep(GROUP_INTERVAL);
}

/** Whether there was anyone to signal. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Whether one of a group still runs. Zombies don't, but signals find them until somebody reaps them. */
function groupLives(pgid: number): boolean {
  if (!signalGroup(pgid, 0)) return false;
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && isLiveMember(name, pgid));
}

function isLiveMember(pid: string, pgid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // What is before is the command in parentheses, which can contain anything.
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === `${pgid}` && state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}
