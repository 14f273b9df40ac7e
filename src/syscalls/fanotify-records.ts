/**
 * What a read of fanotify returns: events, each with its records.
 * {@link https://man7.org/linux/man-pages/man7/fanotify.7.html | fanotify(7)}.
 *
 * No length in them is believed: nothing past what was read is looked at, and what does not fit ends the visit.
 *
 * @module
 */
import { read } from "bun:ffi";

import { type Pinned, room, size } from "../libc.ts";

/** `FAN_EVENT_METADATA_LEN`: the fixed part of an event. */
export const FAN_EVENT_METADATA_LEN = 24;

/** `FANOTIFY_METADATA_VERSION` */
export const FANOTIFY_METADATA_VERSION = 3;

/** `FAN_NOFD`: the event has no descriptor. */
export const FAN_NOFD = -1;

/** `FAN_NOPIDFD`: the process that caused the event has ended. */
export const FAN_NOPIDFD = -1;

/** `FAN_EPIDFD`: the pidfd could not be made. */
export const FAN_EPIDFD = -2;

/** What a record is. */
export const FAN_EVENT_INFO_TYPE = {
  /** The handle of the object. */
  FID: 1,
  /** The handle of the directory, and the entry's name. */
  DFID_NAME: 2,
  /** The handle of the directory. */
  DFID: 3,
  /** A pidfd of who caused the event. */
  PIDFD: 4,
  /** The error of a file system, and how many there were. */
  ERROR: 5,
  /** The part of a file. Linux 6.14. */
  RANGE: 6,
  /** The mount. Linux 6.15. */
  MNT: 7,
  /** As `DFID_NAME`: from where something was renamed. */
  OLD_DFID_NAME: 10,
  /** As `DFID_NAME`: to where something was renamed. */
  NEW_DFID_NAME: 12,
} as const;

/** `struct fanotify_event_metadata` */
export interface FanotifyEventMetadata {
  /** Bytes of the event, records included. */
  readonly event_len: number;
  readonly vers: number;
  /** Where the records begin. */
  readonly metadata_len: number;
  /** `FAN` and `FAN_REPORTED` members. */
  readonly mask: bigint;
  /** For the reader to close, if it is not negative: `FAN_NOFD`, or with `FAN_INIT.REPORT_FD_ERROR` a negative errno. */
  readonly fd: number;
  /** Who caused it. 0 if that is not told, or in another pid namespace. */
  readonly pid: number;
}

/**
 * Takes one event: where it is, where it ends, where its records begin, its mask in two halves of 32 bits, its
 * descriptor, and who caused it.
 */
export type FanotifyEventVisitor = (
  offset: number,
  end: number,
  records: number,
  mask: number,
  mask_high: number,
  fd: number,
  pid: number,
) => void;

/**
 * Visits each event of what one read returned. An event that is not of this version, or whose lengths don't fit, ends
 * the visit.
 *
 * @param length How many bytes were read.
 * @returns How many bytes were visited: fewer than `length` if the rest is malformed.
 */
export function read_fanotify_events(
  buf: Pinned,
  length: number,
  visit: FanotifyEventVisitor,
): number {
  room(buf, "buf", size(length, "length"));
  const { bytes, view } = buf;
  let offset = 0;
  while (offset + FAN_EVENT_METADATA_LEN <= length) {
    const event_len = view.getUint32(offset, true);
    const end = offset + event_len;
    const records = offset + view.getUint16(offset + 6, true);
    if (bytes[offset + 4] !== FANOTIFY_METADATA_VERSION) break;
    if (records < offset + FAN_EVENT_METADATA_LEN || records > end || end > length) break;
    visit(
      offset,
      end,
      records,
      view.getUint32(offset + 8, true),
      view.getUint32(offset + 12, true),
      view.getInt32(offset + 16, true),
      view.getInt32(offset + 20, true),
    );
    offset = end;
  }
  return offset;
}

/**
 * Reads the `struct fanotify_event_metadata` at `offset` of what one read returned.
 *
 * @param length How many bytes were read.
 * @returns The struct, or `undefined` if no whole event of this version is there.
 */
export function read_fanotify_event_metadata(
  buf: Pinned,
  offset: number,
  length: number,
): FanotifyEventMetadata | undefined {
  const address = room(buf, "buf", size(length, "length"));
  if (size(offset, "offset") + FAN_EVENT_METADATA_LEN > length) return undefined;
  const event_len = read.u32(address, offset);
  const vers = read.u8(address, offset + 4);
  const metadata_len = read.u16(address, offset + 6);
  if (vers !== FANOTIFY_METADATA_VERSION || offset + event_len > length) return undefined;
  if (metadata_len < FAN_EVENT_METADATA_LEN || metadata_len > event_len) return undefined;
  return {
    event_len,
    vers,
    metadata_len,
    mask: read.u64(address, offset + 8),
    fd: read.i32(address, offset + 16),
    pid: read.i32(address, offset + 20),
  };
}

/** Takes one record: its type, where it is, and where it ends. */
export type FanotifyInfoVisitor = (info_type: number, offset: number, end: number) => void;

/** `sizeof(struct fanotify_event_info_header)` */
const HEADER_SIZE = 4;

/**
 * Visits each record of an event, those of unknown types as well. A record whose length doesn't fit ends the visit.
 *
 * @param offset Where the records begin.
 * @param end Where the event ends.
 * @returns Where the visit ended: before `end` if the rest is malformed.
 */
export function read_fanotify_event_infos(
  buf: Pinned,
  offset: number,
  end: number,
  visit: FanotifyInfoVisitor,
): number {
  room(buf, "buf", size(end, "end"));
  const { bytes, view } = buf;
  let at = size(offset, "offset");
  while (at + HEADER_SIZE <= end) {
    const next = at + view.getUint16(at + 2, true);
    if (next < at + HEADER_SIZE || next > end) break;
    visit(bytes[at] ?? 0, at, next);
    at = next;
  }
  return at;
}
