/**
 * What to say when the kernel had no room for events.
 *
 * @module
 */
import { sysctl } from "../libc.ts";

/** The limit that was reached: `"fs.inotify.max_queued_events (16384 now)"`. */
export function queueLimit(family: "inotify" | "fanotify"): string {
  const name = `fs.${family}.max_queued_events`;
  return `${name} (${sysctl(name)} now)`;
}
