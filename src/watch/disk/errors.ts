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

/** What a file system says that fanotify can't mark. */
const UNMARKABLE = new Set(["EOPNOTSUPP", "ENODEV", "EXDEV"]);

/** Whether it is the file system of a directory that can't be watched. */
export function isUnmarkable(error: unknown): error is OSError {
  return error instanceof OSError && UNMARKABLE.has(error.code);
}

/** The error of a call by descriptor, which knows no path, with this one; others as they are. */
export function withPath<E>(error: E, path: string): E {
  return error instanceof OSError ? (copyOf(error, path) as E & OSError) : error;
}

/** An error that says in addition what to do. */
export function withAdvice(error: OSError, advice: string): OSError {
  return copyOf(error, error.path, advice);
}

function copyOf(error: OSError, path: string | undefined, advice?: string): OSError {
  const { code, errno, syscall, message } = error;
  const [, hint] = message.split(`(${code}): `);
  const Class = error.constructor as OSErrorClass;
  const all = [hint, advice].filter((one) => one !== undefined).join(": ");
  return new Class(-errno, { syscall, path, hint: all === "" ? undefined : all });
}
