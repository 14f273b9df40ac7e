/**
 * What a group needs whose accesses wait: reading at once, whoever reads the source, and an answer for each.
 *
 * @module
 */
import type { Pinned } from "../libc.ts";
import type { Decisions } from "./fanotify-decision.ts";
import { Lifeline } from "./fanotify-lifeline.ts";
import { Pump } from "./fanotify-pump.ts";
import { Warden } from "./fanotify-warden.ts";
import { DECIDED } from "./fanotify-words.ts";

/** How what is there is taken: each tells how many events that were, -1 if it did not work. */
export interface Takers<Source> {
  /** Of the warden, when it is over. It must not refer to the source. */
  readonly drop: (buffer: Pinned, length: number) => void;
  /** Of the group. */
  readonly own: (source: Source) => number;
  /** Of what the warden left. */
  readonly left: (source: Source) => number;
}

/** It is disposed with the group, in whatever way that goes, and lets everything go that waits. */
export class Gate<Source extends object> implements Disposable {
  readonly decisions: Decisions;
  readonly #pumps: readonly Pump<Source>[] = [new Pump<Source>(), new Pump<Source>()];
  #warden: Warden | undefined;
  #lifeline: Lifeline | undefined;
  #drop: Takers<Source>["drop"] = () => {};

  constructor(decisions: Decisions) {
    this.decisions = decisions;
  }

  /** @param fd The group. It is borrowed. */
  begin(fd: number, tid: boolean, source: Source, takers: Takers<Source>): void {
    const { decisions } = this;
    this.#warden = new Warden(fd, { tid, waits: Number(DECIDED), timeout: decisions.timeout });
    this.#drop = takers.drop;
    this.#lifeline = new Lifeline(fd);
    decisions.begin(fd, this.#warden.waiting);
    const [own, left] = this.#pumps;
    own?.begin(fd, source, takers.own);
    this.decisions.onIdle = () => own?.again();
    left?.begin(this.#warden.fd, source, takers.left);
  }

  /** The group is looked at now. */
  look(): void {
    this.#warden?.look();
  }

  /** One packet of what the warden left. @returns Its bytes, at most 0 if there is none. */
  readLeft(buffer: Pinned): number {
    return this.#warden?.read(buffer) ?? 0;
  }

  [Symbol.dispose](): void {
    for (const pump of this.#pumps) pump[Symbol.dispose]();
    this.#warden?.end(this.#drop);
    this.decisions[Symbol.dispose]();
    this.#lifeline?.[Symbol.dispose]();
    this.#lifeline = undefined;
  }
}
