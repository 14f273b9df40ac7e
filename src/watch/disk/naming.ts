/**
 * How names lead to the entries of a directory: in most of them each by one name that is spelled in one way.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { pinned } from "../../libc.ts";
import { getdents64_quietly, read_linux_dirents64 } from "../../syscalls/dirent.ts";
import { FS, ioctl_fs_ioc_getflags, O } from "../../syscalls/fd.ts";
import { openat_quietly } from "../../syscalls/open.ts";
import { fstatfs } from "../../syscalls/statfs.ts";
import { identity, type NameBytes } from "../tree/node.ts";
import { keyOf } from "../tree/paths.ts";

/** By `f_type`, those in which each directory says whether upper and lower case are the same in it: ext4, F2FS, tmpfs. */
const saying: ReadonlySet<bigint> = new Set([0xef53n, 0xf2f52010n, 0x01021994n]);

/** Those in which an entry has other names besides, such as with a dot at its end: FAT, exFAT. */
const aliasing: ReadonlySet<bigint> = new Set([0x4d44n, 0x2011bab0n]);

/** The longest name of FAT where it has short ones alone: twelve characters of up to six bytes. */
const SHORT = 72n;

const DOT = 0x2e;

const READ = O.RDONLY | O.DIRECTORY | O.CLOEXEC | O.NONBLOCK;

const BUFFER_SIZE = 32_768;

/** What the kernel passes over when it compares names. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

const ASCII = /^[\0-\x7f]*$/;

/** How names lead to the entries of a directory. */
export type Naming =
  /** Each by one, spelled in one way. */
  | "exact"
  /** However it is spelled. */
  | "folding"
  /** By others as well. */
  | "aliasing";

/** How names lead to what is in an open directory, which need not be open to be read. `undefined` if that can't be known. */
export function namingOf(fd: number): Naming | undefined {
  try {
    const { f_type } = fstatfs(fd);
    if (aliasing.has(f_type)) return "aliasing";
    if (!saying.has(f_type)) return "exact";
  } catch (error) {
    if (error instanceof OSError) return undefined;
    throw error;
  }
  const read = openat_quietly(fd, ".", READ);
  if (read === -1) return undefined;
  try {
    return (ioctl_fs_ioc_getflags(read) & FS.CASEFOLD_FL) === 0 ? "exact" : "folding";
  } catch (error) {
    // Its file system has no attributes.
    if (error instanceof OSError) return "exact";
    throw error;
  } finally {
    closeQuietly(read);
  }
}

/** Whether what is made in a directory of FAT or exFAT by that name is listed by it: short names alone have no small letters, others no dot at their end. */
export function keepsName(fd: number, { bytes, end }: NameBytes): boolean {
  return bytes[end - 1] !== DOT && fstatfs(fd).f_namelen > SHORT;
}

/** What all spellings of a name have in common, and perhaps some other names. */
export function folded(key: string): string {
  if (ASCII.test(key)) return key.toUpperCase();
  const text = Buffer.from(key, "latin1").toString().normalize("NFD").replace(IGNORABLE, "");
  // There is a capital letter of which the small one has two others.
  return text.toLowerCase().toUpperCase().normalize("NFD");
}

/**
 * How the entry that a name leads to is spelled in its directory.
 *
 * @param fd Of the directory, which need not be open to be read.
 * @param ino Of the entry, which may have other links there.
 * @returns `undefined` if it is not found.
 */
export function spelledIn(fd: number, name: NameBytes, ino: number): Uint8Array | undefined {
  const read = openat_quietly(fd, ".", READ);
  if (read === -1) return undefined;
  try {
    const wanted = folded(keyOf(name.bytes, name.start, name.end));
    using buffer = pinned(BUFFER_SIZE);
    const { bytes } = buffer;
    let other: Uint8Array | undefined;
    for (;;) {
      const length = getdents64_quietly(read, buffer);
      if (length <= 0) return other;
      let found: Uint8Array | undefined;
      read_linux_dirents64(buffer, length, (low, high, _type, start, len) => {
        if (identity(low, high) !== ino) return;
        const isIt = folded(keyOf(bytes, start, start + len)) === wanted;
        if (isIt) found = bytes.slice(start, start + len);
        else other ??= bytes.slice(start, start + len);
      });
      if (found !== undefined) return found;
    }
  } finally {
    closeQuietly(read);
  }
}
