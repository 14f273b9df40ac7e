/** relay.ts pump|stream|PROGRAM pipe|socket BYTES: between a process that writes and one that reads, both at full speed. */
import { dlopen } from "bun:ffi";

import { pump } from "bun-butter";
import { close, F, fcntl, O, pipe2 } from "bun-butter/syscalls";

import { libcPath } from "../../src/libc.ts";

const [, , way = "", kind = "", bytes = ""] = process.argv;

const { socketpair } = dlopen(libcPath(), {
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
}).symbols;

/** An end to read and one to write, that block. */
function ends(): [reader: number, writer: number] {
  if (kind === "pipe") return pipe2(O.CLOEXEC);
  const pair = new Int32Array(2);
  // AF_UNIX, SOCK_STREAM
  socketpair(1, 1 | O.CLOEXEC, 0, pair);
  return [pair[0] ?? -1, pair[1] ?? -1];
}

const [from, feed] = ends();
const [drain, to] = ends();
const start = performance.now();
const before = process.cpuUsage();
const reader = Bun.spawn(["wc", "-c"], { stdin: drain, stdout: "pipe" });
const writer = Bun.spawn(["head", "-c", bytes, "/dev/zero"], { stdout: feed });
close(feed);
close(drain);
let cpu: number | undefined;
if (way === "pump") {
  await pump(from, to);
} else if (way === "stream") {
  for (const fd of [from, to]) fcntl(fd, F.SETFL, O.NONBLOCK);
  const sink = Bun.file(to).writer();
  for await (const chunk of Bun.file(from).stream()) {
    sink.write(chunk);
    await sink.flush();
  }
  await sink.end();
} else {
  const program = Bun.spawn([way], { stdin: from, stdout: to });
  await program.exited;
  cpu = Number(program.resourceUsage()?.cpuTime.total ?? 0) / 1e3;
}
close(to);
const count = Number(await reader.stdout.text());
const wall = performance.now() - start;
await writer.exited;
if (count !== Number(bytes)) throw new Error(`${count} bytes came of ${bytes}`);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ wall, cpu: cpu ?? (user + system) / 1e3 }));
process.exit(0);
