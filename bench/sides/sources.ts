/** sources.ts COUNT: opens so many sources with a pending read each, then closes them. */
import { Inotify } from "bun-butter";

import { descriptors, heap, resident } from "./memory.ts";

const count = Number(process.argv[2]);

function open(): Inotify {
  const inotify = new Inotify().unref();
  // Rejects when it is closed.
  inotify.readEvent().catch(() => {});
  return inotify;
}

/** Opens, measures with all of them open, closes, measures again. */
async function measured(sources: number): Promise<Record<string, number>> {
  const before = { rss: await resident(), heap: heap(), descriptors: descriptors() };
  const opened = Array.from({ length: sources }, open);
  const during = { rss: await resident(), heap: heap(), descriptors: descriptors() };
  for (const inotify of opened) inotify.close();
  opened.length = 0;
  const after = { rss: await resident(), descriptors: descriptors() };
  return {
    rss: (during.rss - before.rss) / sources,
    heap: (during.heap - before.heap) / sources,
    descriptors: (during.descriptors - before.descriptors) / sources,
    leftDescriptors: after.descriptors - before.descriptors,
    leftRss: after.rss - before.rss,
  };
}

// The first one opens what all share, and stays.
using first = open();
first.watch("/");
console.log(JSON.stringify(await measured(count)));
