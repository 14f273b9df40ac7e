/**
 * What an event of fanotify is about: where in its bytes the handles and names are that follow it.
 *
 * @module
 */
import type { Pinned } from "../../libc.ts";
import { FANOTIFY_FSID_OFFSET, read_fanotify_handle_end } from "../../syscalls/fanotify-info.ts";
import { FAN_EVENT_INFO_TYPE, read_fanotify_event_infos } from "../../syscalls/fanotify-records.ts";
import { keyOf } from "../tree/paths.ts";

const { FID, DFID_NAME, OLD_DFID_NAME, NEW_DFID_NAME } = FAN_EVENT_INFO_TYPE;

/** What an event calls something. */
export class Spot {
  /** Where its handle is, with the id of the file system: for a name, that of its directory. Nowhere if both are 0. */
  from = 0;
  to = 0;
  /** Where the record ends, and so a name that is behind the handle. */
  #end = 0;

  set(from: number, to: number, end: number): void {
    this.from = from;
    this.to = to;
    this.#end = end;
  }

  get isThere(): boolean {
    return this.to !== 0;
  }

  /** Where the name ends that is behind the handle. */
  nameEnd(bytes: Uint8Array): number {
    let nul = this.to;
    while (nul < this.#end && bytes[nul] !== 0) nul++;
    return nul;
  }

  /** The handle as a key. */
  key(bytes: Uint8Array): string {
    return keyOf(bytes, this.from, this.to);
  }
}

/** One for all events, as there are more of them than of anything else. */
export class FanotifyAbout {
  #buffer: Pinned | undefined;
  /** The entry itself. */
  readonly self: Spot = new Spot();
  /** Its name, after a rename if it was one. */
  readonly place: Spot = new Spot();
  /** The name that it had before a rename. */
  readonly old: Spot = new Spot();

  /** Finds what is in the records of one event. */
  read(buffer: Pinned, records: number, end: number): void {
    this.#buffer = buffer;
    this.self.set(0, 0, 0);
    this.place.set(0, 0, 0);
    this.old.set(0, 0, 0);
    read_fanotify_event_infos(buffer, records, end, this.#record);
  }

  /** One function for all, as there are even more records. */
  readonly #record = (type: number, at: number, end: number): void => {
    switch (type) {
      case DFID_NAME:
      case NEW_DFID_NAME:
        return this.#note(this.place, at, end);
      case OLD_DFID_NAME:
        return this.#note(this.old, at, end);
      case FID:
        return this.#note(this.self, at, end);
    }
  };

  #note(spot: Spot, at: number, end: number): void {
    if (this.#buffer === undefined) return;
    const to = read_fanotify_handle_end(this.#buffer, at, end);
    if (to !== -1) spot.set(at + FANOTIFY_FSID_OFFSET, to, end);
  }
}
