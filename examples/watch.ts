/** Prints what happens in a directory: `bun examples/watch.ts DIR` */
import { IN, Inotify } from "bun-butter";

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error("usage: watch.ts DIR");
  process.exit(2);
}

using inotify = new Inotify();
inotify.watch(dir, IN.CREATE | IN.CLOSE_WRITE | IN.MOVE | IN.DELETE | IN.ONLYDIR);
process.on("SIGINT", () => inotify.close());
console.log("Watching", dir);

for await (const event of inotify) {
  console.log(event.flags.join(" "), event.path);
}
