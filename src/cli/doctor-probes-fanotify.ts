/**
 * What fanotify has, flag by flag: it came with many kernels.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import {
  AT,
  FAN,
  FAN_INIT,
  FAN_MARK,
  fanotify_init,
  fanotify_mark,
  O,
  openat,
} from "../syscalls/index.ts";
import { ADMIN, lend, type Probe } from "./doctor-probe.ts";

const { CLOEXEC, CLASS_NOTIF, CLASS_CONTENT, CLASS_PRE_CONTENT, REPORT_FID } = FAN_INIT;
const NAMED = REPORT_FID | FAN_INIT.REPORT_DIR_FID | FAN_INIT.REPORT_NAME;

/** Makes a fanotify group, and marks the root directory for as long as the call takes. */
function fanotify(flags: number, mark?: number): void {
  lend(fanotify_init(CLOEXEC | flags, O.RDONLY | O.CLOEXEC), (fd) => {
    if (mark !== undefined)
      fanotify_mark(fd, FAN_MARK.ADD | mark, FAN.DELETE_SELF | FAN.ONDIR, AT.FDCWD, "/");
  });
}

/** The class came long before its event. */
function preContent(): void {
  lend(fanotify_init(CLOEXEC | CLASS_PRE_CONTENT, O.RDONLY | O.CLOEXEC), (fd) => {
    try {
      fanotify_mark(fd, FAN_MARK.ADD, FAN.PRE_ACCESS, AT.FDCWD, "/");
    } catch (error) {
      // The kernel knows the event, and this file system has none.
      if (!(error instanceof OSError) || error.code !== "EOPNOTSUPP") throw error;
    }
  });
}

function mountReports(): void {
  lend(fanotify_init(CLOEXEC | FAN_INIT.REPORT_MNT, O.RDONLY | O.CLOEXEC), (fd) =>
    lend(openat(AT.FDCWD, "/proc/self/ns/mnt", O.RDONLY | O.CLOEXEC), (home) =>
      fanotify_mark(fd, FAN_MARK.ADD | FAN_MARK.MNTNS, FAN.MNT_ATTACH, home, null),
    ),
  );
}

export const fanotifyProbes: readonly Probe[] = [
  {
    name: "fanotify",
    use: "Fanotify of files and directories, without privileges",
    since: [5, 13],
    attempt: () => fanotify(CLASS_NOTIF | REPORT_FID),
  },
  {
    name: "fanotify names",
    use: "names of entries",
    since: [5, 9],
    attempt: () => fanotify(CLASS_NOTIF | NAMED),
  },
  {
    name: "fanotify targets",
    use: "renames as one event, with what was renamed",
    since: [5, 17],
    attempt: () => fanotify(CLASS_NOTIF | NAMED | FAN_INIT.REPORT_TARGET_FID),
  },
  {
    name: "fanotify file systems",
    use: "one mark for a whole file system; butter trace --filesystem",
    since: [4, 20],
    needs: ADMIN,
    isOfRoot: true,
    attempt: () => fanotify(CLASS_NOTIF | NAMED, FAN_MARK.FILESYSTEM),
  },
  {
    name: "fanotify evictable marks",
    use: "marks that keep nothing in memory",
    since: [5, 19],
    isOfRoot: true,
    attempt: () => fanotify(CLASS_NOTIF | REPORT_FID, FAN_MARK.EVICTABLE),
  },
  {
    name: "fanotify pidfds",
    use: "who did it, even if its number is used again",
    since: [5, 15],
    needs: ADMIN,
    attempt: () => fanotify(CLASS_NOTIF | REPORT_FID | FAN_INIT.REPORT_PIDFD),
  },
  {
    name: "fanotify threads",
    use: "which thread did it",
    since: [4, 20],
    needs: ADMIN,
    attempt: () => fanotify(CLASS_NOTIF | REPORT_FID | FAN_INIT.REPORT_TID),
  },
  {
    name: "fanotify decisions",
    use: "opens that wait; butter guard",
    since: [2, 6],
    needs: ADMIN,
    attempt: () => fanotify(CLASS_CONTENT),
  },
  {
    name: "fanotify pre-content",
    use: "accesses that wait before a file has its content",
    since: [6, 14],
    needs: ADMIN,
    attempt: preContent,
  },
  {
    name: "fanotify without limits",
    use: "queues and marks without an end",
    since: [2, 6],
    needs: ADMIN,
    attempt: () =>
      fanotify(CLASS_NOTIF | REPORT_FID | FAN_INIT.UNLIMITED_QUEUE | FAN_INIT.UNLIMITED_MARKS),
  },
  {
    name: "fanotify audit",
    use: "decisions in the audit log",
    since: [4, 15],
    needs: "CAP_AUDIT_WRITE",
    attempt: () => fanotify(CLASS_CONTENT | FAN_INIT.ENABLE_AUDIT),
  },
  {
    name: "fanotify descriptor errors",
    use: "why an event has no descriptor",
    since: [6, 13],
    needs: ADMIN,
    attempt: () => fanotify(CLASS_NOTIF | FAN_INIT.REPORT_FD_ERROR),
  },
  {
    name: "fanotify mounts",
    use: "what is mounted and unmounted",
    since: [6, 15],
    needs: ADMIN,
    attempt: mountReports,
  },
];
