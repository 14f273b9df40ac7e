/**
 * Who the caller is: {@link https://man7.org/linux/man-pages/man2/getpid.2.html | getpid(2)} and
 * {@link https://man7.org/linux/man-pages/man2/gettid.2.html | gettid(2)}. These calls never fail, and each asks the
 * kernel: nothing is remembered from before a change of namespace.
 *
 * @module
 */
import { bind, numbered, SYS } from "../libc.ts";

const { c } = bind(
  {
    getpid: { args: [], returns: "i32" },
    getppid: { args: [], returns: "i32" },
    syscall: numbered(),
  },
  {},
);

/** `getpid()`: the number of the process, in its own pid namespace. */
export function getpid(): number {
  return c.getpid();
}

/** `getppid()`: the number of the parent now, which changes when it ends; 0 if it is outside of the pid namespace. */
export function getppid(): number {
  return c.getppid();
}

/** `gettid()`: the number of the calling thread. The main thread's is the process's. Old C libraries have no function for it. */
export function gettid(): number {
  return Number(c.syscall(SYS.gettid));
}
