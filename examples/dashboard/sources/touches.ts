/** Who touches which file: `Fanotify`, which takes privileges. */
import { Fanotify, type FanotifyEvent, OSError } from "bun-butter";
import { CAP, capget } from "bun-butter/syscalls";

import type { Roots } from "../roots.ts";
import type { Happening } from "../wire.ts";
import { Names } from "./names.ts";

/** What counts as a touch. Reads are many for one opening, and say no more. */
const ASKED = [
  "open",
  "open-exec",
  "modify",
  "close-write",
  "attrib",
  "create",
  "delete",
  "rename",
] as const;

/** The order in which things happen to a file, as far as a set has one. */
const ORDER = [
  "create",
  "rename",
  "open",
  "open-exec",
  "modify",
  "attrib",
  "close-write",
  "delete",
];

/** A source, or why there is none. */
export function touchesOf(roots: Roots): Fanotify | string {
  const { effective } = capget(0);
  const lacks = (["SYS_ADMIN", "DAC_READ_SEARCH"] as const).filter(
    (name) => (effective & (1n << BigInt(CAP[name]))) === 0n,
  );
  if (lacks.length > 0)
    return `it takes ${lacks.map((name) => `CAP_${name}`).join(" and ")}, which root has`;
  // Each event is read at once: a process may end soon, and its name with it.
  const fanotify = new Fanotify({ latency: 0 });
  try {
    for (const path of roots.paths) fanotify.mark(path, ASKED, { scope: "filesystem", dirs: true });
    return fanotify;
  } catch (error) {
    fanotify.close();
    if (error instanceof OSError) return error.message;
    throw error;
  }
}

/** Tells of touches until the source is closed. */
export async function tellTouches(
  fanotify: Fanotify,
  roots: Roots,
  publish: (event: Happening) => void,
): Promise<void> {
  const names = new Names();
  for await (const batch of fanotify.batches()) {
    const time = Date.now();
    names.renew();
    // First, because a process may be gone soon.
    for (const { pid } of batch) names.of(pid);
    for (const event of batch) {
      const happening = happeningOf(event, time, roots, names);
      if (happening !== undefined) publish(happening);
    }
  }
}

function happeningOf(
  event: FanotifyEvent,
  time: number,
  roots: Roots,
  names: Names,
): Happening | undefined {
  if (event.isOverflow) {
    const text = "The kernel's queue was full: who touched what meanwhile is not known";
    return { type: "notice", time, text };
  }
  const place = roots.place(event.path);
  if (place === undefined) return undefined;
  const events: ReadonlySet<string> = event.events;
  // Whoever lists a directory opens it: that touches no file.
  const what = ORDER.filter((word) => events.has(word) && !(event.isDir && word === "open"));
  if (what.length === 0) return undefined;
  const from = roots.place(event.oldPath)?.path;
  const who = names.of(event.pid);
  return {
    type: "touch",
    time,
    what,
    ...place,
    ...(from !== undefined && { from }),
    ...(who && { who }),
  };
}
