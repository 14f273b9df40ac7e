/**
 * Answers to fanotify's events that wait:
 * {@link https://man7.org/linux/man-pages/man7/fanotify.7.html | fanotify(7)}.
 *
 * @module
 */
import { ERRNO, type ErrnoName } from "../errors.ts";
import { int, uint } from "../libc.ts";

/** What a response says. */
export const FAN_RESPONSE = {
  ALLOW: 0x1,
  DENY: 0x2,
  /** And an audit record is made of it. With `FAN_INIT.ENABLE_AUDIT`, Linux 4.15. */
  AUDIT: 0x10,
  /** And records follow. Linux 6.3. */
  INFO: 0x20,
} as const;

/** What a record of a response is. */
export const FAN_RESPONSE_INFO = {
  NONE: 0,
  /** Which rule it was, for the audit record. */
  AUDIT_RULE: 1,
} as const;

/** `struct fanotify_response_info_audit_rule` */
export interface FanotifyAuditRule {
  /** The rule, as the one who decides numbers them. */
  readonly rule_number: number;
  /** Whether the subject is trusted: 0 no, 1 yes, 2 unknown. */
  readonly subj_trust: number;
  /** Whether the object is trusted: 0 no, 1 yes, 2 unknown. */
  readonly obj_trust: number;
}

/** `struct fanotify_response`, and the record that may follow. */
export interface FanotifyResponse {
  /** The descriptor in the event; with `FAN_INIT.REPORT_FD_ERROR` also the negative errno in its place. */
  readonly fd: number;
  /** {@linkcode FAN_RESPONSE} members, or what {@linkcode FAN_DENY_ERRNO} returns. */
  readonly response: number;
  /** Written if it is there; `response` needs `INFO` for it. */
  readonly audit_rule?: FanotifyAuditRule | undefined;
}

/** `sizeof(struct fanotify_response)` */
export const FANOTIFY_RESPONSE_SIZE = 8;

/** `sizeof(struct fanotify_response_info_audit_rule)` */
export const FANOTIFY_AUDIT_RULE_SIZE = 16;

/** Where the errno is: `FAN_ERRNO_SHIFT`. */
const ERRNO_SHIFT = 24;

/**
 * `FAN_DENY_ERRNO(err)`: the response that lets the access fail with this error. In groups of `CLASS_PRE_CONTENT`,
 * Linux 6.14, which knows `EPERM`, `EIO`, `EBUSY`, `ETXTBSY`, `EAGAIN`, `ENOSPC` and `EDQUOT`.
 */
export function FAN_DENY_ERRNO(err: ErrnoName): number {
  const [number] = ERRNO[err] ?? [];
  if (number === undefined) throw new TypeError(`Cannot take err: ${err} is no error's symbol`);
  return FAN_RESPONSE.DENY | (number << ERRNO_SHIFT);
}

/** Writes a `struct fanotify_response`, with its record if there is one. */
export function write_fanotify_response(response: FanotifyResponse): Uint8Array {
  const { fd, audit_rule } = response;
  const rule = audit_rule === undefined ? 0 : FANOTIFY_AUDIT_RULE_SIZE;
  const bytes = new Uint8Array(FANOTIFY_RESPONSE_SIZE + rule);
  put32(bytes, 0, int(fd, "fd"));
  put32(bytes, 4, uint(response.response, "response"));
  if (audit_rule === undefined) return bytes;
  // The type, a byte of padding, and the length in the upper half.
  put32(bytes, 8, FAN_RESPONSE_INFO.AUDIT_RULE | (FANOTIFY_AUDIT_RULE_SIZE << 16));
  put32(bytes, 12, uint(audit_rule.rule_number, "rule_number"));
  put32(bytes, 16, uint(audit_rule.subj_trust, "subj_trust"));
  put32(bytes, 20, uint(audit_rule.obj_trust, "obj_trust"));
  return bytes;
}

/** Somebody waits for this: a `DataView`, for which the array needs a buffer of its own, takes longer than the call. */
function put32(bytes: Uint8Array, at: number, value: number): void {
  for (let byte = 0; byte < 4; byte++) bytes[at + byte] = value >>> (8 * byte);
}
