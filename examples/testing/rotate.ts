/**
 * A log rotator: `bun examples/testing/rotate.ts LOG KEEP PID`
 *
 * `LOG` becomes `LOG.1`, that `LOG.2`, and so on up to `KEEP`; then process `PID` is told by SIGHUP to open its log again.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";

const [log = "", keep = "3", pid = ""] = process.argv.slice(2);

rmSync(`${log}.${keep}`, { force: true });
for (let at = Number(keep) - 1; at >= 0; at--) {
  const from = at === 0 ? log : `${log}.${at}`;
  if (existsSync(from)) renameSync(from, `${log}.${at + 1}`);
}
writeFileSync(log, "");
process.kill(Number(pid), "SIGHUP");
