/**
 * Sends signals to a process: `signal-sender.ts PID WHICH STANDARD BURSTS SIZE`. First standard ones, each after the one before
 * was acknowledged with a byte on stdin, because equal ones that wait are one; then bursts of real-time ones with values.
 */
import { kill, read, SIG, sigqueue, SIGRTMIN } from "bun-butter/syscalls";

const [pid = 0, which = 0, standard = 0, bursts = 0, size = 0] = process.argv.slice(-5).map(Number);
const signals = which === 0 ? [SIG.TERM, SIG.HUP] : [SIG.USR1, SIG.CHLD];
const byte = new Uint8Array(1);

function acknowledged(): void {
  if (read(0, byte) !== 1) process.exit(1);
}

for (let sent = 0; sent < standard; sent++) {
  kill(pid, signals[sent % 2] ?? 0);
  acknowledged();
}
for (let burst = 0; burst < bursts; burst++) {
  const signo = SIGRTMIN() + 2 * (burst % 3) + which;
  for (let sent = 0; sent < size; sent++) sigqueue(pid, signo, burst * size + sent);
  acknowledged();
}
