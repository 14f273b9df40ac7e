/**
 * Errors of calls by descriptor, which know no path.
 *
 * @module
 */
import { OSError, type OSErrorClass } from "../errors.ts";

/** The same error, of this path; others as they are. */
export function withPath<E>(error: E, path: string): E {
  if (!(error instanceof OSError)) return error;
  const { code, errno, syscall, message } = error;
  const [, hint] = message.split(`(${code}): `);
  const Class = error.constructor as OSErrorClass;
  return new Class(-errno, { syscall, path, hint }) as E & OSError;
}
