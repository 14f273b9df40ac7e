/** What happens in the trees: `watch()`. */
import { watch, type Watcher, type WatchEvent } from "bun-butter";

import type { Roots } from "../roots.ts";
import type { Happening } from "../wire.ts";
import { Names } from "./names.ts";

export function changesOf(roots: Roots): Watcher {
  return watch(roots.paths);
}

/** Tells of changes until the watcher is closed. */
export async function tellChanges(
  watcher: Watcher,
  roots: Roots,
  publish: (event: Happening) => void,
): Promise<void> {
  const names = new Names();
  for await (const batch of watcher.batches()) {
    const time = Date.now();
    names.renew();
    for (const event of batch) {
      const happening = happeningOf(event, time, roots, names);
      if (happening !== undefined) publish(happening);
    }
  }
}

function happeningOf(
  event: WatchEvent,
  time: number,
  roots: Roots,
  names: Names,
): Happening | undefined {
  if (event.type === "error") return { type: "notice", time, text: event.error.message };
  if (event.type === "overflow") {
    const text = "The kernel's queue was full: the differences follow as changes";
    return { type: "notice", time, text };
  }
  const place = roots.place(event.path);
  if (place === undefined) return undefined;
  const from = event.type === "rename" ? roots.place(event.from)?.path : undefined;
  const who = names.of(event.pid);
  return {
    type: "change",
    time,
    what: event.type,
    kind: event.kind,
    ...place,
    ...(from !== undefined && { from }),
    ...(who && { who }),
  };
}
