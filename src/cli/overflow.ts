/**
 * What to do when the kernel had no room for events.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** A remark on it: which limit to raise, and which option asks for less. */
export function overflowHint(
  family: "inotify" | "fanotify",
  verb: "watch" | "trace",
  option: string,
): string {
  const name = `fs.${family}.max_queued_events`;
  const limit = readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").trim();
  return `events were lost: raise ${name} (${limit} now), or ${verb} fewer kinds with ${option}`;
}
