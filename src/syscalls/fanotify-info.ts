/**
 * The records of fanotify's events, one struct each:
 * {@link https://man7.org/linux/man-pages/man7/fanotify.7.html | fanotify(7)}.
 *
 * @module
 */
import { read } from "bun:ffi";

import { type Pinned, room, size } from "../libc.ts";
import { FAN_EVENT_INFO_TYPE } from "./fanotify-records.ts";
import { FILE_HANDLE_SIZE, type FileHandle, MAX_HANDLE_SZ } from "./handle.ts";

const { FID, DFID_NAME, DFID, PIDFD, ERROR, RANGE, MNT, OLD_DFID_NAME, NEW_DFID_NAME } =
  FAN_EVENT_INFO_TYPE;

/** `struct fanotify_event_info_fid` */
export interface FanotifyEventInfoFid {
  readonly info_type:
    typeof FID | typeof DFID_NAME | typeof DFID | typeof OLD_DFID_NAME | typeof NEW_DFID_NAME;
  /** The file system, as `statfs` has it in `f_fsid`: two numbers of 32 bits. */
  readonly fsid: readonly [number, number];
  /** A copy of the handle. */
  readonly handle: FileHandle;
  /** A copy of the entry's name without its padding, `undefined` in records without one. */
  readonly name: Uint8Array | undefined;
}

/** `struct fanotify_event_info_pidfd` */
export interface FanotifyEventInfoPidfd {
  readonly info_type: typeof PIDFD;
  /** For the reader to close, if it is not negative: `FAN_NOPIDFD`, `FAN_EPIDFD`, or with `FAN_INIT.REPORT_FD_ERROR` a negative errno. */
  readonly pidfd: number;
}

/** `struct fanotify_event_info_error` */
export interface FanotifyEventInfoError {
  readonly info_type: typeof ERROR;
  /** The error number of the first one. */
  readonly error: number;
  /** How many there were since it was reported last. */
  readonly error_count: number;
}

/** `struct fanotify_event_info_range` */
export interface FanotifyEventInfoRange {
  readonly info_type: typeof RANGE;
  readonly offset: bigint;
  readonly count: bigint;
}

/** `struct fanotify_event_info_mnt` */
export interface FanotifyEventInfoMnt {
  readonly info_type: typeof MNT;
  /** The number that is never used again, which `statmount` takes. */
  readonly mnt_id: bigint;
}

/** One record. */
export type FanotifyEventInfo =
  | FanotifyEventInfoFid
  | FanotifyEventInfoPidfd
  | FanotifyEventInfoError
  | FanotifyEventInfoRange
  | FanotifyEventInfoMnt;

/** `offsetof(struct fanotify_event_info_fid, fsid)`: from here to its end a handle tells what it is of, and of which file system. */
export const FANOTIFY_FSID_OFFSET = 4;

/** Bytes before a handle's own: the header, the fsid, `handle_bytes` and `handle_type`. */
const FID_SIZE = 12 + FILE_HANDLE_SIZE;

/**
 * Where the handle of the `struct fanotify_event_info_fid` at `offset` ends, and a name may follow.
 *
 * @param end Where the record ends.
 * @returns -1 if the handle is not inside the record, or longer than any.
 */
export function read_fanotify_handle_end(buf: Pinned, offset: number, end: number): number {
  room(buf, "buf", size(end, "end"));
  const from = size(offset, "offset") + FID_SIZE;
  if (from > end) return -1;
  const handle_bytes = buf.view.getUint32(offset + 12, true);
  return handle_bytes > MAX_HANDLE_SZ || from + handle_bytes > end ? -1 : from + handle_bytes;
}

/**
 * Reads the record at `offset` of what one read returned, with copies of what is in it.
 *
 * @param end Where the record ends, as `read_fanotify_event_infos` tells.
 * @returns `undefined` if it is malformed or of an unknown type.
 */
export function read_fanotify_event_info(
  buf: Pinned,
  offset: number,
  end: number,
): FanotifyEventInfo | undefined {
  const address = room(buf, "buf", size(end, "end"));
  const length = end - size(offset, "offset");
  if (length < 4) return undefined;
  const info_type = read.u8(address, offset);
  switch (info_type) {
    case FID:
    case DFID:
    case DFID_NAME:
    case OLD_DFID_NAME:
    case NEW_DFID_NAME: {
      const named = info_type !== FID && info_type !== DFID;
      return readFid(buf, info_type, named, offset, end);
    }
    case PIDFD:
      return length < 8 ? undefined : { info_type, pidfd: read.i32(address, offset + 4) };
    case ERROR:
      if (length < 12) return undefined;
      return {
        info_type,
        error: read.i32(address, offset + 4),
        error_count: read.u32(address, offset + 8),
      };
    case RANGE:
      if (length < 24) return undefined;
      return {
        info_type,
        offset: read.u64(address, offset + 8),
        count: read.u64(address, offset + 16),
      };
    case MNT:
      return length < 16 ? undefined : { info_type, mnt_id: read.u64(address, offset + 8) };
    default:
      return undefined;
  }
}

function readFid(
  buf: Pinned,
  info_type: FanotifyEventInfoFid["info_type"],
  named: boolean,
  offset: number,
  end: number,
): FanotifyEventInfoFid | undefined {
  const to = read_fanotify_handle_end(buf, offset, end);
  if (to === -1) return undefined;
  const { bytes, view } = buf;
  const padded = bytes.subarray(to, end);
  const nul = padded.indexOf(0);
  // The kernel ends every name.
  if (named && nul === -1) return undefined;
  return {
    info_type,
    fsid: [view.getInt32(offset + FANOTIFY_FSID_OFFSET, true), view.getInt32(offset + 8, true)],
    handle: {
      handle_type: view.getInt32(offset + 16, true),
      f_handle: bytes.slice(offset + FID_SIZE, to),
    },
    name: named ? padded.slice(0, nul) : undefined,
  };
}
