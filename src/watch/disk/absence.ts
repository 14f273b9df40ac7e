/**
 * Why a path can't be watched.
 *
 * @module
 */
import { ERRNO, type OSError, type OSErrorClass, ValueError } from "../../errors.ts";
import { pathName } from "../tree/paths.ts";
import { whyNot } from "./look.ts";
import type { GivenPath } from "./resolve.ts";

const hints: Partial<Record<string, string>> = {
  ENOENT: "mustExist: false waits for it",
  ENOTDIR: "something on the way is no directory",
  EACCES: "a directory on the way may not be searched",
};

/** Why a path is not there. */
export function absence({ given, shown }: GivenPath): OSError {
  // Not where it leads: what is there may be more links than the kernel follows, or be reached through what is no directory.
  const why = whyNot(Buffer.from(given, "latin1"));
  const Class = (why?.constructor ?? ValueError) as OSErrorClass;
  const details = {
    syscall: "watch",
    path: pathName(shown).text,
    hint: hints[why?.code ?? "ENOENT"],
  };
  return new Class(why === undefined ? ERRNO.ENOENT[0] : -why.errno, details);
}
