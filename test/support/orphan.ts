/** Processes that are no children of this one, and are gone when it is. */
import { constants } from "node:os";

import { close, O, pidfd_open, pidfd_send_signal, pipe2, POLL, poll } from "bun-butter/syscalls";

/** They read from it, and meet its end together with this process. */
const [leash] = pipe2(O.CLOEXEC);

/** A process that waits to be ended. Its parent, which waits for it some time, is init or a subreaper. */
export class Orphan {
  readonly pid: number;

  constructor() {
    const script = "exec 3<&0; cat <&3 >/dev/null 2>&1 & echo $!";
    const { stdout } = Bun.spawnSync(["sh", "-c", script], { stdin: leash, stdout: "pipe" });
    this.pid = Number(stdout.toString());
  }

  /** Ends it, if it is still there, and returns when it has ended. */
  end(signal: NodeJS.Signals = "SIGKILL"): void {
    let pidfd: number;
    try {
      pidfd = pidfd_open(this.pid, 0);
    } catch {
      // Gone, and waited for.
      return;
    }
    try {
      pidfd_send_signal(pidfd, constants.signals[signal], 0);
      poll([{ fd: pidfd, events: POLL.IN }], -1);
    } finally {
      close(pidfd);
    }
  }
}
