/**
 * Sends signals to a process, as a user: `signal-sender.ts PID WHICH STANDARD BURSTS SIZE UID`. First standard ones, two different ones at a
 * time, when those before were acknowledged with a byte each on stdin, because equal ones that wait are one; then bursts of real-time ones with values.
 */
import { dlopen } from "bun:ffi";

import { kill, read, SIG, sigqueue, SIGRTMIN } from "bun-butter/syscalls";

import { libcPath } from "../../src/libc.ts";

const [pid = 0, which = 0, standard = 0, bursts = 0, size = 0, uid = 0] = process.argv
  .slice(-6)
  .map(Number);
const signals = which === 0 ? [SIG.TERM, SIG.HUP] : [SIG.USR1, SIG.USR2];
const byte = new Uint8Array(1);

if (uid !== process.getuid?.()) {
  const { setreuid } = dlopen(libcPath(), {
    setreuid: { args: ["u32" /* uid_t ruid */, "u32" /* uid_t euid */], returns: "i32" },
  }).symbols;
  // Effectively still who it was, so that it may send to others.
  if (setreuid(uid, process.geteuid?.() ?? 0) !== 0) process.exit(2);
}

function acknowledged(): void {
  if (read(0, byte) !== 1) throw new Error("Cannot go on: nobody acknowledges any more");
}

for (let sent = 0; sent < standard; sent += 2) {
  for (const signal of signals) kill(pid, signal);
  for (const _ of signals) acknowledged();
}
for (let burst = 0; burst < bursts; burst++) {
  const signo = SIGRTMIN() + 2 * (burst % 3) + which;
  for (let sent = 0; sent < size; sent++) sigqueue(pid, signo, burst * size + sent);
  acknowledged();
}
