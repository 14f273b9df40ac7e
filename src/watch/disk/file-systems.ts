/**
 * What is known of file systems by their types.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { fstatfs, statfs } from "../../syscalls/statfs.ts";

/** By `f_type`, those of which the kernel does not tell all that happens: other machines, hosts and programs change what is in them, or the kernel makes it when it is read. */
const unheard: ReadonlyMap<bigint, string> = new Map([
  [0x6969n, "nfs"],
  [0xff534d42n, "cifs"],
  [0xfe534d42n, "smb2"],
  [0x517bn, "smb"],
  [0x01021997n, "9p"],
  [0x65735546n, "fuse"],
  [0x00c36400n, "ceph"],
  [0x5346414fn, "afs"],
  [0x6b414653n, "afs"],
  [0x73757245n, "coda"],
  [0x0bd00bd0n, "lustre"],
  [0x786f4256n, "vboxsf"],
  [0xbacbacbcn, "vmhgfs"],
  [0x7461636fn, "ocfs2"],
  [0x01161970n, "gfs2"],
  [0x9fa0n, "proc"],
  [0x62656572n, "sysfs"],
  [0x27e0ebn, "cgroup"],
  [0x63677270n, "cgroup2"],
]);

/** By what the kernel calls them, those that are no place for files: its views of itself, and what is mounted when somebody looks. */
export const MADE_UP: ReadonlySet<string> = new Set([
  "autofs",
  "binder",
  "binfmt_misc",
  "bpf",
  "cgroup",
  "cgroup2",
  "configfs",
  "debugfs",
  "devpts",
  "devtmpfs",
  "efivarfs",
  "fusectl",
  "hugetlbfs",
  "mqueue",
  "nsfs",
  "proc",
  "pstore",
  "rpc_pipefs",
  "securityfs",
  "selinuxfs",
  "sysfs",
  "tracefs",
]);

/** Those whose names are as they were given, and whose times are of this machine's clock and are kept so: Btrfs, ext2 to ext4, F2FS, tmpfs, XFS. */
const exact: ReadonlySet<bigint> = new Set([
  0x9123683en,
  0xef53n,
  0xf2f52010n,
  0x01021994n,
  0x58465342n,
]);

/** Of FAT: a handle says a number that the kernel makes up anew whenever it has forgotten a directory. */
const FAT = 0x4d44n;

/** Whether the handles of the file system that an open file is in stand for the same as long as that is there. */
export function handlesLast(fd: number): boolean {
  return fstatfs(fd).f_type !== FAT;
}

/** Whether an open file is in one of them. */
export function isExact(fd: number): boolean {
  try {
    return exact.has(fstatfs(fd).f_type);
  } catch (error) {
    if (error instanceof OSError) return false;
    throw error;
  }
}

/** Which file systems the paths are on of which the kernel does not tell all, by their names. What is not there is on none. */
export function unheardOf(paths: readonly Uint8Array[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    try {
      const name = unheard.get(BigInt.asUintN(32, statfs(path).f_type));
      if (name !== undefined) found.add(name);
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
    }
  }
  return [...found];
}
