/**
 * A drop folder: each file that is put into DIR is processed, once, and is in DIR/done then: `bun examples/ingest.ts DIR`
 *
 * Not before its writer has closed it, whether it came before or after the start. Only what is under way in a crash is processed
 * again. Ctrl-C ends it.
 */
import * as fs from "node:fs";

import { IN, Inotify } from "bun-butter";
import { F, fcntl, SIG } from "bun-butter/syscalls";

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error("usage: ingest.ts DIR");
  process.exit(2);
}

function ingest(name: string): void {
  let fd = -1;
  try {
    fd = fs.openSync(`${dir}/${name}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    // There is a lease only while nobody has it open for writing, and who wants to, waits: SIGURG tells of that, and does nothing.
    fcntl(fd, F.SETSIG, SIG.URG);
    fcntl(fd, F.SETLEASE, F.RDLCK);
    console.log(new Bun.CryptoHasher("sha256").update(fs.readFileSync(fd)).digest("hex"), name);
    fs.renameSync(`${dir}/${name}`, `${dir}/done/${name}`);
  } catch (error) {
    // Processed already, or still written to: then its writer's close is an event.
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EAGAIN") console.error(message);
  } finally {
    if (fd !== -1) fs.closeSync(fd);
  }
}

function ingestAll(): void {
  for (const entry of fs.readdirSync(`${dir}`, { withFileTypes: true }))
    if (entry.isFile()) ingest(entry.name);
}

using inotify = new Inotify();
// First, so that no file comes unseen between the two.
inotify.watch(dir, IN.CLOSE_WRITE | IN.MOVED_TO | IN.ONLYDIR);
fs.mkdirSync(`${dir}/done`, { recursive: true });
process.once("SIGINT", () => inotify.close());
ingestAll();
for await (const { isOverflow, isDir, name } of inotify) {
  if (isOverflow) ingestAll();
  else if (!isDir) ingest(name);
}
