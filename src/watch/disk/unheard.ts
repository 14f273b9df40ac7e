/**
 * File systems of which the kernel does not tell all that happens.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { statfs } from "../../syscalls/statfs.ts";

/** By `f_type`: other machines, hosts and programs change what is in them, or the kernel makes it when it is read. */
const names: ReadonlyMap<bigint, string> = new Map([
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

/** Which of such file systems the paths are on, by their names. What is not there is on none. */
export function unheardOf(paths: readonly Uint8Array[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    try {
      const name = names.get(BigInt.asUintN(32, statfs(path).f_type));
      if (name !== undefined) found.add(name);
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
    }
  }
  return [...found];
}
