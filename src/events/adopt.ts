/**
 * Descriptors that were made elsewhere.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { F, fcntl, FD, fd_name, O } from "../syscalls/fd.ts";
import { isOwned } from "./intake.ts";

/**
 * Makes a descriptor non-blocking and close-on-exec, if it is of the right kind, so that a source can own it.
 *
 * @param pattern What the kernel calls such a descriptor.
 * @param kind What we call it.
 * @throws {ValueError} `EBADF`: not open. `EINVAL`: of another kind; it stays as it was. `EBUSY`: a source
 * of this thread owns it.
 */
export function prepareAdopted(fd: number, pattern: RegExp, kind: string): void {
  const status = fcntl(fd, F.GETFL);
  const name = fd_name(fd);
  if (name !== undefined && !pattern.test(name)) {
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "adopt",
      path: name,
      hint: `it is not a descriptor of ${kind}`,
    });
  }
  if (isOwned(fd)) {
    throw new ValueError(ERRNO.EBUSY[0], {
      syscall: "adopt",
      path: `${fd}`,
      hint: "a source owns it already, and would close it too: adopt a dup() of it",
    });
  }
  fcntl(fd, F.SETFL, status | O.NONBLOCK);
  fcntl(fd, F.SETFD, FD.CLOEXEC);
}
