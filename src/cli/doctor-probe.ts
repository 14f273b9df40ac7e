/**
 * What can be tried out.
 *
 * @module
 */
import { close } from "../syscalls/index.ts";
import type { Capability } from "./doctor-privileges.ts";

/** Something that may be there or not. */
export interface Probe {
  readonly name: string;
  /** What is made of it. */
  readonly use: string;
  /** The kernel that it came with. */
  readonly since: readonly [major: number, minor: number];
  /** What it takes. */
  readonly needs?: Capability;
  /** Whether it is the file system of the root directory that has it or not. */
  readonly isOfRoot?: boolean;
  /** Whether a library without it would be of little use. */
  readonly core?: boolean;
  /** Throws what the kernel answers, if it is not there. */
  readonly attempt: () => void;
}

/** Lends a descriptor, and closes it whatever happens. */
export function lend(fd: number, use: (fd: number) => void = () => {}): void {
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

/** What most of the privileged calls take. */
export const ADMIN = "CAP_SYS_ADMIN";
