/**
 * What is made of errors of system calls.
 *
 * @module
 */
import { OSError, type OSErrorClass } from "../../errors.ts";

/** Errors of a limit, which are told once and not for each directory. */
const LIMITS = new Set(["ENOSPC", "EMFILE", "ENFILE", "ENOMEM"]);

/** Whether an error is that of a limit. */
export function isLimit(code: string): boolean {
  return LIMITS.has(code);
}

/** The error of a call by descriptor, which knows no path, with this one; others as they are. */
export function withPath<E>(error: E, path: string): E {
  if (!(error instanceof OSError)) return error;
  const { code, errno, syscall, message } = error;
  const [, hint] = message.split(`(${code}): `);
  const Class = error.constructor as OSErrorClass;
  return new Class(-errno, { syscall, path, hint }) as E & OSError;
}
